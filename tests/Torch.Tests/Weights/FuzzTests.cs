using System.IO.Compression;
using System.Text;
using KdPlugins.Torch.Weights;
using Xunit;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>
/// A hundred thousand hostile files per reader, the same ones on every run. Each test also says how many kinds of
/// failure it provoked, so that mutations that all die at the door would be noticed.
/// </summary>
public class FuzzTests
{
    private static readonly byte[][] SafeTensorsCorpus =
    [
        Fixture.Bytes("unaligned.safetensors"),
        Fixture.Bytes("shard-00001-of-00002.safetensors"),
        Fixture.Bytes("empty.safetensors"),
        Attack.SafeTensors(
            """{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"F4","shape":[2],"data_offsets":[8,9]},"c":{"dtype":"I64","shape":[0,3],"data_offsets":[9,9]}}""",
            new byte[9]
        ),
    ];

    private static readonly byte[][] ZipCorpus =
    [
        .. Array.ConvertAll(["bare.pth", "parts.pth", "dtypes_deflated.pth"], Fixture.Bytes),
    ];

    private static void ReadSafeTensors(byte[] file) => Fuzz.ReadAll(SafeTensorsFile.Parse(file));

    private static void ReadPyTorch(byte[] file) => Fuzz.ReadAll(PyTorchFile.Parse(file));

    private static void ReadUnchecked(byte[] file) =>
        Fuzz.ReadAll(PyTorchFile.Parse(file, options: new() { VerifyChecksums = false }));

    [Theory]
    [InlineData("unaligned.safetensors")]
    [InlineData("shard-00001-of-00002.safetensors")]
    [InlineData("bare.pth")]
    [InlineData("parts.pth")]
    [InlineData("nested_legacy.pth")]
    public void Every_truncation_is_a_typed_failure(string file)
    {
        byte[] whole = Fixture.Bytes(file);
        FuzzResult result = Fuzz.Run(Enumerable.Range(0, whole.Length).Select(n => whole[..n]), Reader(file), file);
        Assert.Equal(0, result.Accepted);
    }

    [Theory]
    [InlineData("unaligned.safetensors")]
    [InlineData("shard-00001-of-00002.safetensors")]
    [InlineData("bare.pth")]
    [InlineData("parts.pth")]
    [InlineData("nested_legacy.pth")]
    public void Every_flip_of_a_byte_is_a_typed_failure_or_a_valid_file(string file)
    {
        byte[] whole = Fixture.Bytes(file);
        IEnumerable<byte[]> flipped =
            from at in Enumerable.Range(0, whole.Length)
            from mask in (byte[])[1, 0x80, 0xff]
            select (byte[])[.. whole[..at], (byte)(whole[at] ^ mask), .. whole[(at + 1)..]];
        FuzzResult result = Fuzz.Run(flipped, Reader(file), file);
        Assert.True(result.Refused.Values.Sum() > whole.Length / 2);
    }

    [Fact]
    public void Every_flip_of_a_byte_of_a_pickle_or_storage_is_noticed_by_its_checksum()
    {
        Zip zip = Zip.Honest();
        byte[] whole = zip.Build();
        foreach (byte[] content in (byte[][])[zip.Parts[0].Content, zip.Parts[1].Content])
        {
            int start = whole.AsSpan().IndexOf(content);
            for (int at = start; at < start + content.Length; at++)
            {
                byte[] flipped = [.. whole];
                flipped[at] ^= 1;
                Fails.With(WeightErrors.ChecksumMismatch, () => ReadPyTorch(flipped));
            }
        }
    }

    [Fact]
    public void Safetensors_files_that_are_mutated()
    {
        FuzzResult result = Fuzz.Run(1, Fuzz.Cases, MutatedSafeTensors, ReadSafeTensors);
        Assert.InRange(result.Accepted, Fuzz.Cases / 100, Fuzz.Cases / 2);
        Assert.True(result.Refused.Count >= 9, string.Join(", ", result.Refused.Keys)); // all of 0510 to 0518
    }

    private static byte[] MutatedSafeTensors(Random random)
    {
        byte[] source = Mutate.Pick(random, SafeTensorsCorpus);
        if (random.Next(4) == 0)
        {
            return Mutate.Bytes(random, source, SafeTensorsCorpus);
        }
        int length = (int)BitConverter.ToInt64(source);
        byte[] header = Encoding.UTF8.GetBytes(Mutate.Json(random, Encoding.UTF8.GetString(source, 8, length)));
        byte[] data = source[(8 + length)..];
        return random.Next(8) == 0 ? Attack.SafeTensors(header, [.. data, 0]) : Attack.SafeTensors(header, data);
    }

    [Fact]
    public void Indexes_that_are_mutated()
    {
        string honest = Encoding.UTF8.GetString(Fixture.Bytes("shards.safetensors.index.json"));
        byte[][] corpus = [Encoding.UTF8.GetBytes(honest)];
        FuzzResult result = Fuzz.Run(
            2,
            Fuzz.Cases,
            random =>
                random.Next(4) == 0
                    ? Mutate.Bytes(random, corpus[0], corpus)
                    : Encoding.UTF8.GetBytes(Mutate.Json(random, honest)),
            file => SafeTensorsIndex.Parse(file, "index")
        );
        Assert.InRange(result.Accepted, Fuzz.Cases / 100, Fuzz.Cases / 2);
        Assert.True(result.Refused.Count >= 3, string.Join(", ", result.Refused.Keys));
    }

    [Fact]
    public void Pickles_that_are_mutated_inside_an_honest_container()
    {
        string[] files = ["bare.pth", "parts.pth", "checkpoint.pth"];
        var seeds = Array.ConvertAll(files, Unpack);
        byte[][] pool = [.. seeds.SelectMany(s => s.Operations)];
        FuzzResult result = Fuzz.Run(
            3,
            Fuzz.Cases,
            random =>
            {
                var (operations, storages) = seeds[random.Next(8) == 0 ? 2 : random.Next(2)];
                return Zip.Checkpoint(Mutate.Pickle(random, operations, pool), storages).Build();
            },
            ReadPyTorch
        );
        Assert.InRange(result.Accepted, Fuzz.Cases / 100, Fuzz.Cases / 2);
        Assert.True(result.Refused.Count >= 7, string.Join(", ", result.Refused.Keys));
    }

    private static (List<byte[]> Operations, byte[][] Storages) Unpack(string file)
    {
        using ZipArchive zip = ZipFile.OpenRead(Fixture.Path(file));
        byte[] Content(ZipArchiveEntry entry)
        {
            using Stream stream = entry.Open();
            using var copy = new MemoryStream();
            stream.CopyTo(copy);
            return copy.ToArray();
        }
        byte[] pickle = Content(zip.Entries.Single(e => e.FullName.EndsWith("/data.pkl", StringComparison.Ordinal)));
        var storages = zip.Entries.Where(e => e.FullName.Contains("/data/", StringComparison.Ordinal));
        return (Mutate.Operations(pickle), [.. storages.OrderBy(e => int.Parse(e.Name)).Select(Content)]);
    }

    [Fact]
    public void Containers_that_are_mutated()
    {
        FuzzResult result = Fuzz.Run(4, Fuzz.Cases, MutatedZip, ReadUnchecked);
        Assert.InRange(result.Accepted, Fuzz.Cases / 100, Fuzz.Cases / 2);
        Assert.True(result.Refused.Count >= 8, string.Join(", ", result.Refused.Keys));
    }

    private static byte[] MutatedZip(Random random)
    {
        if (random.Next(4) == 0)
        {
            return Mutate.Bytes(random, Mutate.Pick(random, ZipCorpus), ZipCorpus);
        }
        Zip zip = Zip.Honest(random.Next(8) == 0 ? 3000 : 4);
        zip.Wide = random.Next(4) == 0;
        ZipPart part = Mutate.Pick(random, zip.Parts);
        for (int lies = random.Next(1, 3); lies > 0; lies--)
        {
            Lie(random, zip, part);
        }
        byte[] file = zip.Build();
        if (random.Next(3) == 0)
        {
            int directory = file.AsSpan().IndexOf("PK\x1\x2"u8);
            file[random.Next(directory, file.Length)] = (byte)Mutate.Number(random);
        }
        return file;
    }

    private static void Lie(Random random, Zip zip, ZipPart part)
    {
        switch (random.Next(13))
        {
            case 0:
                part.Deflate = true;
                break;
            case 1:
                part.Size = Mutate.Number(random);
                break;
            case 2:
                part.Stored = Mutate.Number(random);
                break;
            case 3:
                part.Offset = Mutate.Number(random);
                break;
            case 4:
                part.Method = random.Next(12);
                break;
            case 5:
                part.Flags = random.Next(1 << 16);
                break;
            case 6:
                part.Name = Encoding.UTF8.GetBytes(
                    Mutate.Pick(
                        random,
                        ["", "a/data/0", "a/data.pkl", "../x", "/x", "a\\b", "a/byteorder", "a/constants.pkl"]
                    )
                );
                break;
            case 7:
                part.LocalName = [.. part.Name, 0];
                break;
            case 8:
                part.Extra = new byte[random.Next(40)];
                random.NextBytes(part.Extra);
                break;
            case 9:
                part.Crc = 0;
                break;
            case 10:
                zip.Count = random.Next(6);
                break;
            case 11:
                zip.CentralShift = random.Next(-9, 9);
                break;
            default:
                part.Content = Mutate.Bytes(random, [.. part.Content, 0], ZipCorpus);
                break;
        }
    }

    [Fact]
    public void Legacy_files_that_are_mutated()
    {
        byte[][] corpus =
        [
            Fixture.Bytes("nested_legacy.pth"),
            P.Legacy(P.Dict(("w", P.Tensor(P.LegacyStorage("FloatStorage", "0", 4), 0, [2, 2], [1, 2])))),
        ];
        List<byte[]> state = Mutate.Operations(
            P.Dict(("w", P.Tensor(P.LegacyStorage("FloatStorage", "0", 4), 0, [2, 2], [1, 2])))
        );
        FuzzResult result = Fuzz.Run(
            5,
            Fuzz.Cases,
            random =>
                random.Next(2) == 0
                    ? Mutate.Bytes(random, corpus[random.Next(8) == 0 ? 0 : 1], corpus)
                    : P.Legacy(Mutate.Pickle(random, state, state)),
            ReadPyTorch
        );
        Assert.InRange(result.Accepted, Fuzz.Cases / 100, Fuzz.Cases / 2);
        Assert.True(result.Refused.Count >= 9, string.Join(", ", result.Refused.Keys));
    }

    private static Action<byte[]> Reader(string file) =>
        file.EndsWith(".safetensors", StringComparison.Ordinal) ? ReadSafeTensors : ReadPyTorch;
}
