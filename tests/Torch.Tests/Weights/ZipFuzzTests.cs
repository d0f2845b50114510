using System.Text;
using KdPlugins.Torch.Weights;
using Xunit;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>A hundred thousand hostile containers of PyTorch files, the same ones on every run.</summary>
public class ZipFuzzTests
{
    private static readonly byte[][] ZipCorpus =
    [
        .. Array.ConvertAll(["bare.pth", "parts.pth", "dtypes_deflated.pth"], Fixture.Bytes),
    ];

    private static void Read(byte[] file) => Fuzz.ReadAll(PyTorchFile.Parse(file));

    private static void ReadUnchecked(byte[] file) =>
        Fuzz.ReadAll(PyTorchFile.Parse(file, options: new() { VerifyChecksums = false }));

    [Theory]
    [InlineData("bare.pth")]
    [InlineData("parts.pth")]
    public void Every_truncation_is_a_typed_failure(string file)
    {
        byte[] whole = Fixture.Bytes(file);
        FuzzResult result = Fuzz.Run(Enumerable.Range(0, whole.Length).Select(n => whole[..n]), Read, file);
        Assert.Equal(0, result.Accepted);
    }

    [Theory]
    [InlineData("bare.pth")]
    [InlineData("parts.pth")]
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
                Fails.With(WeightErrors.ChecksumMismatch, () => Read(flipped));
            }
        }
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
}
