using System.Text;
using KdPlugins.Torch.Weights;
using Xunit;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>A hundred thousand hostile safetensors files and as many indexes, the same ones on every run.</summary>
public class SafeTensorsFuzzTests
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

    private static void Read(byte[] file) => Fuzz.ReadAll(SafeTensorsFile.Parse(file));

    [Theory]
    [InlineData("unaligned.safetensors")]
    [InlineData("shard-00001-of-00002.safetensors")]
    public void Every_truncation_is_a_typed_failure(string file)
    {
        byte[] whole = Fixture.Bytes(file);
        FuzzResult result = Fuzz.Run(Enumerable.Range(0, whole.Length).Select(n => whole[..n]), Read, file);
        Assert.Equal(0, result.Accepted);
    }

    [Theory]
    [InlineData("unaligned.safetensors")]
    [InlineData("shard-00001-of-00002.safetensors")]
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
    public void Safetensors_files_that_are_mutated()
    {
        FuzzResult result = Fuzz.Run(1, Fuzz.Cases, MutatedSafeTensors, Read);
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
}
