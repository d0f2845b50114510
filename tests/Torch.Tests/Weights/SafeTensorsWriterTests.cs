using System.Security.Cryptography;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using KdPlugins.Torch.Weights;
using Xunit;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>Writing safetensors.</summary>
public sealed class SafeTensorsWriterTests : IDisposable
{
    private const string LoneSurrogate = "lone surrogate";
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static WeightData Zeros(string name, WeightDType dtype, params long[] shape)
    {
        long elements = shape.Aggregate(1L, (a, b) => a * b);
        return new WeightData(name, dtype, shape, new byte[elements * dtype.BitSize() / 8]);
    }

    private static byte[] Write(IEnumerable<WeightData> weights, Dictionary<string, string>? metadata = null)
    {
        using var stream = new MemoryStream();
        SafeTensorsWriter.Write(stream, weights, metadata);
        return stream.ToArray();
    }

    [Fact]
    public void The_widest_dtypes_come_first_then_names_in_order_of_their_bytes()
    {
        WeightDType[] all = Enum.GetValues<WeightDType>();
        IEnumerable<WeightData> weights = all.SelectMany(d => new[] { Zeros($"b{d}", d, 8), Zeros($"a{d}", d, 8) });
        using var file = SafeTensorsFile.Parse(Write(weights));
        Assert.Equal(all.Reverse().SelectMany(d => new[] { $"a{d}", $"b{d}" }), file.Entries.Keys);
        // U+FF61 sorts before U+1F600 in UTF-8, behind it in UTF-16.
        using var names = SafeTensorsFile.Parse(
            Write([Zeros("\U0001F600", WeightDType.U8), Zeros("\uFF61", WeightDType.U8)])
        );
        Assert.Equal(["\uFF61", "\U0001F600"], names.Entries.Keys);
    }

    [Fact]
    public void The_header_is_padded_with_spaces_so_that_data_is_aligned()
    {
        for (int length = 1; length <= 16; length++)
        {
            byte[] file = Write([Zeros(new string('n', length), WeightDType.F64, 1)]);
            long header = BitConverter.ToInt64(file);
            Assert.Equal(0, header % 8);
            Assert.EndsWith("}", Encoding.UTF8.GetString(file, 8, (int)header).TrimEnd(' '));
        }
    }

    [Fact]
    public void The_same_tensors_in_any_order_give_the_same_bytes()
    {
        WeightData[] weights =
        [
            Zeros("b", WeightDType.F32, 2),
            Zeros("a", WeightDType.F32),
            Zeros("c", WeightDType.I64, 0, 3),
        ];
        byte[] one = Write(weights, new() { ["x"] = "1", ["a"] = "2" });
        byte[] two = Write(weights.Reverse(), new() { ["a"] = "2", ["x"] = "1" });
        Assert.Equal(one, two);
    }

    [Fact]
    public void Length_and_hash_are_those_of_the_file()
    {
        WrittenFile written = SafeTensorsWriter.Write(_folder["w"], [Zeros("a", WeightDType.F32, 1000)]);
        byte[] file = File.ReadAllBytes(_folder["w"]);
        Assert.Equal(file.Length, written.Length);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(file)), written.Sha256);
        Assert.Equal(_folder["w"], written.Path);
    }

    [Theory]
    [InlineData("__metadata__")]
    [InlineData(LoneSurrogate)]
    [InlineData("twice")]
    public void Names_that_the_format_cannot_hold_are_refused(string name)
    {
        string actual = name == LoneSurrogate ? "\ud800" : name; // an attribute cannot hold it either
        Fails.With(
            WeightErrors.WriteInvalid,
            () => Write([Zeros("twice", WeightDType.U8), Zeros(actual, WeightDType.U8)])
        );
    }

    [Fact]
    public void Metadata_that_is_no_text_is_refused()
    {
        Fails.With(WeightErrors.WriteInvalid, () => Write([], new() { ["k"] = "\udc00" }));
        Fails.With(WeightErrors.WriteInvalid, () => Write([], new() { ["k"] = null! }));
    }

    [Fact]
    public void Sizes_that_cannot_be_are_refused()
    {
        Fails.With(WeightErrors.WriteInvalid, () => Write([new("n", WeightDType.F32, [-1], _ => { })]));
        Fails.With(WeightErrors.WriteInvalid, () => Write([new("n", WeightDType.F32, [1L << 40, 1L << 40], _ => { })]));
        Fails.With(WeightErrors.WriteInvalid, () => Write([new("n", WeightDType.F4, [3], _ => { })]));
        Fails.With(WeightErrors.WriteInvalid, () => Write([new("n", WeightDType.U8, new long[65], _ => { })]));
        Fails.With(WeightErrors.WriteInvalid, () => Write([new("n", (WeightDType)99, [1], _ => { })]));
    }

    [Fact]
    public void A_tensor_that_gives_too_few_bytes_leaves_the_old_file()
    {
        _folder.Write("w", [1, 2, 3]);
        Fails.With(
            WeightErrors.WriteInvalid,
            () => SafeTensorsWriter.Write(_folder["w"], [new("n", WeightDType.F32, [2], new byte[7])])
        );
        Assert.Equal([1, 2, 3], File.ReadAllBytes(_folder["w"]));
        Assert.Single(Directory.GetFiles(_folder.Root));
    }

    /// <summary>Any names, shapes, dtypes and bytes that are written are read back.</summary>
    [Property(MaxTest = 100)]
    public Property What_is_written_is_read_back()
    {
        Gen<string> name = ArbMap
            .Default.GeneratorFor<NonNull<string>>()
            .Select(s => new string(s.Get.Where(c => !char.IsSurrogate(c)).ToArray()));
        Gen<long[]> shape = Gen.Choose(0, 4).Select(i => (long)i).ArrayOf().Resize(4);
        Gen<WeightData> weight =
            from n in name
            from d in Gen.Elements(Enum.GetValues<WeightDType>().Where(d => d.BitSize() % 8 == 0))
            from s in shape
            from seed in Gen.Choose(0, int.MaxValue)
            select Random(n, d, s, seed);
        return Prop.ForAll(
            weight.ArrayOf().ToArbitrary(),
            weights =>
            {
                WeightData[] distinct = [.. weights.Where(w => w.Name != "__metadata__").DistinctBy(w => w.Name)];
                using var file = SafeTensorsFile.Parse(Write(distinct, new() { ["count"] = $"{distinct.Length}" }));
                Assert.Equal(distinct.Length, file.Entries.Count);
                Assert.Equal($"{distinct.Length}", file.Metadata["count"]);
                foreach (WeightData expected in distinct)
                {
                    using var bytes = new MemoryStream();
                    expected.Write(bytes);
                    Assert.Equal(expected.DType, file.Entries[expected.Name].DType);
                    Assert.Equal(expected.Shape, file.Entries[expected.Name].Shape);
                    Assert.Equal(bytes.ToArray(), file.Bytes(expected.Name).ToArray());
                }
            }
        );
    }

    private static WeightData Random(string name, WeightDType dtype, long[] shape, int seed)
    {
        var bytes = new byte[shape.Aggregate(1L, (a, b) => a * b) * dtype.BitSize() / 8];
        new Random(seed).NextBytes(bytes);
        return new WeightData(name, dtype, shape, bytes);
    }
}
