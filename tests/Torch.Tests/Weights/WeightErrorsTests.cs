using System.Reflection;
using KdPlugins.Torch.Weights;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>The catalogue is complete, and every entry of it can happen.</summary>
public class WeightErrorsTests
{
    private static readonly byte[] State = P.Dict(("w", P.Floats("0", 4)));

    private static void Safe(string header, int data = 0) =>
        SafeTensorsFile.Parse(Attack.SafeTensors(header, new byte[data]));

    private static void Index(string index) =>
        SafeTensorsIndex.Parse(System.Text.Encoding.UTF8.GetBytes(index), "index");

    private static void Shards(string index, byte[]? shard = null)
    {
        using var folder = new TemporaryFolder();
        folder.Write("shard", shard ?? Attack.SafeTensors("{}", []));
        ShardedSafeTensors.Open(folder.Write("x.index.json", System.Text.Encoding.UTF8.GetBytes(index))).Dispose();
    }

    private static void Pickle(params byte[][] value) =>
        PyTorchFile.Parse(Zip.Checkpoint(P.Pickle(value), new byte[16]).Build());

    private static void Zipped(Action<Zip> lie)
    {
        Zip zip = Zip.Honest();
        lie(zip);
        Fuzz.ReadAll(PyTorchFile.Parse(zip.Build()));
    }

    private static void Load(Func<LoadOptions, LoadOptions> change, float value = 1)
    {
        using var folder = new TemporaryFolder();
        using DisposeScope scope = NewDisposeScope();
        var tensors = new Dictionary<string, Tensor> { ["weight"] = full([1, 1], value), ["other"] = zeros(1) };
        string path = WeightTensors.Save(tensors, folder["w"]).Path;
        ModuleWeights.Load(nn.Linear(1, 1, hasBias: false), path, change(new LoadOptions { Strict = false }));
    }

    private static void Cut()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("w", Fixture.Bytes("dtypes.safetensors"));
        using var file = SafeTensorsFile.Open(path);
        using (var cut = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            cut.SetLength(0);
        }
        file.Bytes("f32");
    }

    private static void Big()
    {
        using var folder = new TemporaryFolder();
        using (FileStream sparse = File.Create(folder["w"]))
        {
            sparse.Write(
                Attack.SafeTensors("""{"a":{"dtype":"U8","shape":[2147483648],"data_offsets":[0,2147483648]}}""", [])
            );
            sparse.SetLength(sparse.Length + (1L << 31));
        }
        using var file = SafeTensorsFile.Open(folder["w"]);
        file.Bytes("a");
    }

    private static readonly Dictionary<ErrorCode, Action> Triggers = new()
    {
        [WeightErrors.FileUnreadable] = () => WeightFile.Open("/nowhere/at/all"),
        [WeightErrors.UnknownFormat] = () => PyTorchFile.Parse("hello"u8.ToArray()),
        [WeightErrors.TensorNotFound] = () => SafeTensorsFile.Parse(Attack.SafeTensors("{}", [])).Bytes("a"),
        [WeightErrors.TensorTooLarge] = Big,
        [WeightErrors.FileChanged] = Cut,
        [WeightErrors.HeaderTruncated] = () => SafeTensorsFile.Parse(new byte[7]),
        [WeightErrors.HeaderTooLarge] = () => SafeTensorsFile.Parse(Attack.SafeTensors(ulong.MaxValue, [], [])),
        [WeightErrors.HeaderInvalid] = () => Safe("[]"),
        [WeightErrors.DuplicateKey] = () => Safe("""{"__metadata__":{},"__metadata__":{}}"""),
        [WeightErrors.MetadataInvalid] = () => Safe("""{"__metadata__":{"a":1}}"""),
        [WeightErrors.UnknownDType] = () => Safe("""{"a":{"dtype":"X","shape":[],"data_offsets":[0,1]}}""", 1),
        [WeightErrors.OffsetsInvalid] = () => Safe("""{"a":{"dtype":"U8","shape":[],"data_offsets":[1,2]}}""", 2),
        [WeightErrors.SizeMismatch] = () => Safe("""{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,1]}}""", 1),
        [WeightErrors.LengthMismatch] = () => Safe("{}", 1),
        [WeightErrors.IndexInvalid] = () => Index("{}"),
        [WeightErrors.IndexOutsideFolder] = () => Index("""{"weight_map":{"a":"../b"}}"""),
        [WeightErrors.ShardMissing] = () => Shards("""{"weight_map":{"a":"gone"}}"""),
        [WeightErrors.ShardMismatch] = () => Shards("""{"weight_map":{"a":"shard"}}"""),
        [WeightErrors.ZipInvalid] = () => Zipped(zip => zip.Suffix = [1]),
        [WeightErrors.ZipUnsafePath] = () => Zipped(zip => zip.Parts.Add(new("../x", []))),
        [WeightErrors.ZipDuplicate] = () => Zipped(zip => zip.Parts.Add(new("a/version", []))),
        [WeightErrors.ZipTooLarge] = () =>
            Zipped(zip => zip.Parts.Add(new("a/x", new byte[1 << 20]) { Deflate = true })),
        [WeightErrors.ZipUnsupported] = () => Zipped(zip => zip.Parts[2].Flags = 1),
        [WeightErrors.ChecksumMismatch] = () => Zipped(zip => zip.Parts[1].Crc = 1),
        [WeightErrors.NotAStateDict] = () => Pickle(P.EmptyDict),
        [WeightErrors.ByteOrder] = () => Zipped(zip => zip.Parts.Add(new("a/byteorder", "big"u8.ToArray()))),
        [WeightErrors.PickleInvalid] = () => Pickle(P.Raw("t")),
        [WeightErrors.PickleOpcode] = () => Pickle(P.Raw("\u0081")),
        [WeightErrors.PickleGlobal] = () => Pickle(P.Global("os", "system")),
        [WeightErrors.PickleLimit] = () => Pickle(P.Raw(new string('(', 1000))),
        [WeightErrors.StorageInvalid] = () => Pickle(P.Dict(("w", P.Floats("7", 4)))),
        [WeightErrors.TensorOutsideStorage] = () => Pickle(P.Tensor(P.Storage("FloatStorage", "0", 4), 0, [5], [1])),
        [WeightErrors.RootNotFound] = () => PyTorchFile.Parse(Zip.Honest().Build(), options: new() { Root = "ema" }),
        [WeightErrors.LegacyFormat] = () => PyTorchFile.Parse(P.Legacy(State, version: P.Int(1))),
        [WeightErrors.LoadMismatch] = () => Load(options => options with { Strict = true }),
        [WeightErrors.DTypeUnsupported] = () =>
            SafeTensorsFile
                .Parse(Attack.SafeTensors("""{"a":{"dtype":"U64","shape":[],"data_offsets":[0,8]}}""", new byte[8]))
                .ToTensor("a"),
        [WeightErrors.NameCollision] = () =>
            Load(options => options with { Names = NameMap.Identity.Replace(".*", "x") }),
        [WeightErrors.NameRuleInvalid] = () => NameMap.Identity.Replace("[", ""),
        [WeightErrors.NonFinite] = () =>
            Load(options => options with { RefuseNonFinite = true }, float.PositiveInfinity),
        [WeightErrors.BoolInvalid] = () =>
            SafeTensorsFile
                .Parse(Attack.SafeTensors("""{"a":{"dtype":"BOOL","shape":[],"data_offsets":[0,1]}}""", [7]))
                .ToTensor("a"),
        [WeightErrors.WriteFailed] = () => AtomicFile.Write("/nowhere/at/all", _ => { }),
        [WeightErrors.WriteInvalid] = () =>
            SafeTensorsWriter.Write(
                new MemoryStream(),
                [new WeightData("__metadata__", WeightDType.U8, [0], default(ReadOnlyMemory<byte>))]
            ),
    };

    public static TheoryData<string> Codes => [.. WeightErrors.All.Select(code => code.Id)];

    [Theory]
    [MemberData(nameof(Codes))]
    public void Every_entry_of_the_catalogue_can_happen(string id)
    {
        ErrorCode code = WeightErrors.All.Single(entry => entry.Id == id);
        Assert.True(Triggers.TryGetValue(code, out Action? trigger), $"no trigger for {code.Title}");
        KdException failure = Fails.With(code, trigger);
        Assert.EndsWith(".", failure.Message);
    }

    [Fact]
    public void The_catalogue_lists_every_field_once_under_its_own_code()
    {
        var fields = typeof(WeightErrors)
            .GetFields(BindingFlags.Public | BindingFlags.Static)
            .Select(field => (ErrorCode)field.GetValue(null)!);
        Assert.Equal(fields, WeightErrors.All);
        Assert.Equal(WeightErrors.All.Count, WeightErrors.All.Select(code => code.Id).Distinct().Count());
        Assert.All(WeightErrors.All, code => Assert.Matches("^KDP05[0-9]{2}$", code.Id));
        Assert.Equal(
            WeightErrors.All.Order(Comparer<ErrorCode>.Create((a, b) => string.CompareOrdinal(a.Id, b.Id))),
            WeightErrors.All
        );
    }
}
