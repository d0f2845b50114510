using System.Text;
using KdPlugins.Torch.Weights;
using Xunit;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>The container of PyTorch files, attacked by name.</summary>
public class ZipAttackTests
{
    private static KdException Refused(ErrorCode code, Zip zip) => Refused(code, zip.Build());

    private static KdException Refused(ErrorCode code, byte[] file) =>
        Fails.With(code, () => PyTorchFile.Parse(file).Dispose());

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_honest_container_is_read(bool wide)
    {
        Zip zip = Zip.Honest();
        zip.Wide = wide;
        using var file = PyTorchFile.Parse(zip.Build());
        Assert.Equal(16, file.Bytes("w").Length);
    }

    [Fact]
    public void The_further_entries_of_newer_versions_are_accepted()
    {
        Zip zip = Zip.Honest();
        foreach (
            string name in (string[])
                ["a/.format_version", "a/.storage_alignment", "a/byteorder", "a/.data/serialization_id"]
        )
        {
            zip.Parts.Add(new(name, "little"u8.ToArray()));
        }
        PyTorchFile.Parse(zip.Build()).Dispose();
    }

    [Theory]
    [InlineData("/a/data/9")]
    [InlineData("../a/data/9")]
    [InlineData("a/../../etc/passwd")]
    [InlineData("a/..")]
    [InlineData("a/./data/9")]
    [InlineData("a//data/9")]
    [InlineData("a\\data\\9")]
    [InlineData("..\\..\\x")]
    [InlineData("C:/x")]
    [InlineData("x:stream")]
    [InlineData("a/\u0000")]
    [InlineData("a/\nb")]
    [InlineData("/")]
    [InlineData("")]
    public void An_entry_name_that_could_leave_the_folder(string name)
    {
        Zip zip = Zip.Honest();
        zip.Parts.Add(new(name, [1]));
        Refused(WeightErrors.ZipUnsafePath, zip);
    }

    [Fact]
    public void An_entry_name_that_is_not_UTF8()
    {
        Zip zip = Zip.Honest();
        zip.Parts.Add(new("x", [1]) { Name = [0xff] });
        Refused(WeightErrors.ZipUnsafePath, zip);
    }

    [Fact]
    public void An_entry_that_occurs_twice()
    {
        Zip zip = Zip.Honest();
        zip.Parts.Add(new("a/data/0", new byte[16]));
        Refused(WeightErrors.ZipDuplicate, zip);
    }

    [Fact]
    public void Entries_that_share_their_bytes_as_a_bomb()
    {
        Zip zip = Zip.Honest();
        zip.Parts.Add(
            new("a/data/9", [])
            {
                LocalName = [],
                Offset = 0,
                Stored = 1,
                Size = 1,
            }
        );
        Refused(WeightErrors.ZipInvalid, zip); // the local header names another entry
        Zip nested = Zip.Honest();
        byte[] inner = new Zip(new ZipPart("a/data/9", new byte[16])).Build()[..54];
        nested.Parts[1].Content = [.. inner, .. nested.Parts[1].Content];
        long at = new Zip(nested.Parts[0]).Build().AsSpan().IndexOf("PK\x1\x2"u8) + 30 + "a/data/0".Length;
        nested.Parts.Add(
            new("a/data/9", [])
            {
                Offset = at,
                Stored = 16,
                Size = 16,
                Crc = Crc(new byte[16]),
            }
        );
        Assert.Contains("overlap", Refused(WeightErrors.ZipInvalid, nested).Message);
    }

    [Fact]
    public void Text_before_the_first_entry_or_behind_the_end_as_a_polyglot()
    {
        Zip behind = Zip.Honest();
        behind.Suffix = "<script>"u8.ToArray();
        Refused(WeightErrors.ZipInvalid, behind);
        Zip before = Zip.Honest();
        before.Prefix = "PK\x3\x4 but then something else"u8.ToArray();
        Refused(WeightErrors.ZipInvalid, before);
    }

    [Fact]
    public void A_directory_that_is_cut_shifted_or_miscounted()
    {
        Refused(WeightErrors.ZipInvalid, "PK\x3\x4"u8.ToArray());
        Zip fewer = Zip.Honest();
        fewer.Count = 1;
        Refused(WeightErrors.ZipInvalid, fewer);
        Zip more = Zip.Honest();
        more.Count = 4;
        Refused(WeightErrors.ZipInvalid, more);
        Zip shifted = Zip.Honest();
        shifted.CentralShift = -1;
        Refused(WeightErrors.ZipInvalid, shifted);
    }

    [Fact]
    public void A_64_bit_end_record_that_contradicts_the_old_one()
    {
        Zip zip = Zip.Honest();
        zip.Wide = true;
        byte[] file = zip.Build();
        foreach (int back in (int[])[22 + 20 + 56, 22 + 20 + 8, 22 + 20 + 16, 22 + 20 + 24, 22 + 12])
        {
            byte[] changed = [.. file];
            changed[^back] ^= 1;
            Refused(WeightErrors.ZipInvalid, changed);
        }
    }

    [Theory]
    [InlineData(1, 0, 0)] // encrypted
    [InlineData(0x40, 0, 0)] // strongly encrypted
    [InlineData(0x2000, 0, 0)] // masked headers
    [InlineData(0, 9, 0)] // deflate64
    [InlineData(0, 12, 0)] // bzip2
    [InlineData(0, 99, 0)] // AES
    [InlineData(0, 0, 1)] // second disk
    public void A_feature_that_torch_save_never_uses(int flags, int method, int disk)
    {
        Zip zip = Zip.Honest();
        zip.Parts[1].Flags = flags;
        zip.Parts[1].Method = method;
        zip.Parts[1].Disk = disk;
        Refused(WeightErrors.ZipUnsupported, zip);
    }

    [Fact]
    public void A_local_header_that_contradicts_the_directory()
    {
        Zip name = Zip.Honest();
        name.Parts[1].LocalName = "a/data/9"u8.ToArray();
        Refused(WeightErrors.ZipInvalid, name);
        Zip method = Zip.Honest();
        method.Parts[1].LocalMethod = 8;
        Refused(WeightErrors.ZipInvalid, method);
        byte[] sizes = Zip.Honest().Build();
        sizes[22] ^= 1; // the size in the first local header
        Refused(WeightErrors.ZipInvalid, sizes);
    }

    [Fact]
    public void Sizes_that_lie()
    {
        Zip behind = Zip.Honest();
        behind.Parts[1].Stored = behind.Parts[1].Size = 1_000_000;
        Refused(WeightErrors.ZipInvalid, behind);
        Zip differ = Zip.Honest();
        differ.Parts[1].Size = 15;
        Refused(WeightErrors.ZipInvalid, differ);
        Zip wide = Zip.Honest();
        wide.Parts[1].Stored = wide.Parts[1].Size = uint.MaxValue; // says: see the 64-bit record, and there is none
        Refused(WeightErrors.ZipInvalid, wide);
        Zip negative = Zip.Honest();
        negative.Parts[1].Stored = negative.Parts[1].Size = uint.MaxValue;
        negative.Parts[1].Extra = [1, 0, 16, 0, .. Enumerable.Repeat((byte)0xff, 16)];
        Refused(WeightErrors.ZipInvalid, negative);
        Zip cut = Zip.Honest();
        cut.Parts[1].Size = uint.MaxValue;
        cut.Parts[1].Extra = [1, 0, 200, 0];
        Refused(WeightErrors.ZipInvalid, cut);
    }

    [Fact]
    public void An_entry_that_starts_outside_the_container()
    {
        Zip zip = Zip.Honest();
        zip.Parts[1].Offset = 0xfffffff0;
        Refused(WeightErrors.ZipInvalid, zip);
    }

    [Fact]
    public void A_bomb_that_one_entry_inflates_to()
    {
        const int count = 1 << 22;
        Zip zip = Zip.Honest(count);
        zip.Parts[1].Deflate = true; // 16 MB of zeros in 16 KB
        Refused(WeightErrors.ZipTooLarge, zip);
    }

    [Fact]
    public void A_bomb_of_many_entries_that_each_stay_below_the_ratio()
    {
        byte[] content = new byte[15_000];
        IEnumerable<ZipPart> parts = Enumerable
            .Range(1, 200)
            .Select(i => new ZipPart($"a/data/{i}", content) { Deflate = true });
        Refused(WeightErrors.ZipTooLarge, new Zip([.. Zip.Honest().Parts, .. parts]));
    }

    [Fact]
    public void A_compressed_entry_that_inflates_to_another_length_than_stated()
    {
        foreach (int difference in (int[])[-1, 1, 1000])
        {
            Zip zip = Zip.Checkpoint(P.Pickle(P.Dict(("w", P.Floats("0", 4)))), new byte[16]);
            zip.Parts[0].Deflate = true;
            zip.Parts[0].Size = zip.Parts[0].Content.Length + difference;
            Refused(WeightErrors.ZipInvalid, zip);
        }
        Zip broken = Zip.Honest();
        broken.Parts[0].Method = 8; // not deflated at all
        broken.Parts[0].Crc = 0;
        Refused(WeightErrors.ZipInvalid, broken);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_checksum_that_does_not_fit(bool deflate)
    {
        Zip pickle = Zip.Honest();
        pickle.Parts[0].Crc = 1;
        pickle.Parts[0].Deflate = deflate;
        Refused(WeightErrors.ChecksumMismatch, pickle);
        Zip storage = Zip.Honest();
        storage.Parts[1].Crc = 1;
        storage.Parts[1].Deflate = deflate;
        using var file = PyTorchFile.Parse(storage.Build());
        Fails.With(WeightErrors.ChecksumMismatch, () => file.Bytes("w"));
        Fails.With(WeightErrors.ChecksumMismatch, () => file.CopyTo("w", 0, new byte[4]));
        using var trusting = PyTorchFile.Parse(storage.Build(), options: new() { VerifyChecksums = false });
        Assert.Equal(16, trusting.Bytes("w").Length);
    }

    [Theory]
    [InlineData("little", true)]
    [InlineData("big", false)]
    [InlineData("", false)]
    [InlineData("little and more", false)]
    [InlineData("a byte order that is longer than any", false)]
    public void The_byte_order_must_be_little(string order, bool accepted)
    {
        Zip zip = Zip.Honest();
        zip.Parts.Add(new("a/byteorder", Encoding.ASCII.GetBytes(order)));
        if (accepted)
        {
            PyTorchFile.Parse(zip.Build()).Dispose();
        }
        else
        {
            Refused(WeightErrors.ByteOrder, zip);
        }
    }

    [Fact]
    public void A_container_without_exactly_one_pickle_in_a_folder()
    {
        Refused(WeightErrors.NotAStateDict, new Zip(new ZipPart("readme.txt", [1])));
        Refused(WeightErrors.NotAStateDict, new Zip(new ZipPart("data.pkl", P.Pickle(P.None))));
        Zip two = Zip.Honest();
        two.Parts.Add(new("b/data.pkl", two.Parts[0].Content));
        Refused(WeightErrors.NotAStateDict, two);
    }

    [Fact]
    public void A_TorchScript_program_is_refused_as_code() =>
        Assert.Contains("code", Refused(WeightErrors.NotAStateDict, Fixture.Bytes("script.pt")).Message);

    private static uint Crc(byte[] content) => System.IO.Hashing.Crc32.HashToUInt32(content);
}
