using System.IO.Compression;
using KdPlugins.Torch.Weights;
using Xunit;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>A hundred thousand hostile pickles in honest containers, and as many files of the older format, the same ones on every run.</summary>
public class PickleFuzzTests
{
    private static void Read(byte[] file) => Fuzz.ReadAll(PyTorchFile.Parse(file));

    [Theory]
    [InlineData("nested_legacy.pth")]
    public void Every_truncation_is_a_typed_failure(string file)
    {
        byte[] whole = Fixture.Bytes(file);
        FuzzResult result = Fuzz.Run(Enumerable.Range(0, whole.Length).Select(n => whole[..n]), Read, file);
        Assert.Equal(0, result.Accepted);
    }

    [Theory]
    [InlineData("nested_legacy.pth")]
    public void Every_flip_of_a_byte_is_a_typed_failure_or_a_valid_file(string file)
    {
        byte[] whole = Fixture.Bytes(file);
        IEnumerable<byte[]> flipped =
            from at in Enumerable.Range(0, whole.Length)
            from mask in (byte[])[1, 0x80, 0xff]
            select (byte[])[.. whole[..at], (byte)(whole[at] ^ mask), .. whole[(at + 1)..]];
        FuzzResult result = Fuzz.Run(flipped, Read, file);
        Assert.True(result.Refused.Values.Sum() > whole.Length / 2);
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
                var (operations, storages) = seeds[random.Next(32) == 0 ? 2 : random.Next(2)];
                return Zip.Checkpoint(Mutate.Pickle(random, operations, pool), storages).Build();
            },
            Read
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
            Read
        );
        Assert.InRange(result.Accepted, Fuzz.Cases / 100, Fuzz.Cases / 2);
        Assert.True(result.Refused.Count >= 9, string.Join(", ", result.Refused.Keys));
    }
}
