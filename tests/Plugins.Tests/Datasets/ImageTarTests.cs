using System.Formats.Tar;
using System.Text;
using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Datasets;

/// <summary>Tar shards of images and labels.</summary>
public sealed class ImageTarTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static byte[] Tar(TarEntryFormat format, params (string Name, byte[] Bytes)[] files)
    {
        using var stream = new MemoryStream();
        using (var writer = new TarWriter(stream, format, leaveOpen: true))
            foreach (var (name, bytes) in files)
            {
                TarEntry entry = format switch
                {
                    TarEntryFormat.Ustar => new UstarTarEntry(TarEntryType.RegularFile, name),
                    TarEntryFormat.Gnu => new GnuTarEntry(TarEntryType.RegularFile, name),
                    _ => new PaxTarEntry(TarEntryType.RegularFile, name),
                };
                entry.DataStream = new MemoryStream(bytes);
                writer.WriteEntry(entry);
            }
        return stream.ToArray();
    }

    private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);

    private void Put(string name, params (string Name, byte[] Bytes)[] files) =>
        File.WriteAllBytes(_folder[name], Tar(TarEntryFormat.Ustar, files));

    private IDataset Open(ImageTarOptions? options = null, params string[] path) =>
        Make.Plugin<ImageTarPlugin>((options ?? new()) with { Path = path.Length > 0 ? path : ["."] })
            .Open(_folder.Path);

    [Theory]
    [InlineData(TarEntryFormat.Ustar)]
    [InlineData(TarEntryFormat.Gnu)]
    [InlineData(TarEntryFormat.Pax)]
    public void Samples_of_shards_are_read_where_they_lie(TarEntryFormat format)
    {
        File.WriteAllBytes(
            _folder["train-000000.tar"],
            Tar(
                format,
                ("000.png", Pngs.Red(10)),
                ("000.cls", Text("1\n")),
                ("001.png", Pngs.Red(11)),
                ("001.cls", Text("0"))
            )
        );
        File.WriteAllBytes(
            _folder["train-000001.tar"],
            Tar(
                format,
                ("a/002.cls", Text("2")),
                ("a/002.png", Pngs.Red(12)),
                ($"{new string('n', 90)}/003.png", Pngs.Red(13)),
                ($"{new string('n', 90)}/003.cls", Text("1"))
            )
        );
        File.WriteAllBytes(_folder["val-000000.tar"], Tar(format, ("9.png", Pngs.Red(19)), ("9.cls", Text("2"))));
        var data = Open();
        Assert.Equal([(10, 1), (11, 0), (12, 2), (13, 1)], Pngs.Samples(data));
        Assert.Equal([(19, 2)], Pngs.Samples(data, "val"));
        Assert.Equal((3, 0), ((int)data.Info.Classes, data.Info.ClassNames.Count));
        DataAssert.ReadsPurely(data.Open("train"));
    }

    [Fact]
    public void Labels_of_JSON_are_found_by_usual_keys_or_by_the_one_named()
    {
        Put(
            "a.tar",
            ("1.jpg", Pngs.Red(1)),
            ("1.json", Text("""{"label":"dog","kind":"x"}""")),
            ("2.jpg", Pngs.Red(2)),
            ("2.json", Text("""{"label":"cat","kind":"y"}""")),
            ("2.txt", Text("a cat"))
        );
        Assert.Equal(["cat", "dog"], Open().Info.ClassNames);
        Assert.Equal(["x", "y"], Open(new() { LabelKey = "kind" }).Info.ClassNames);
        Assert.Equal([(1, 0), (2, 1)], Pngs.Samples(Open(new() { Classes = ["dog", "cat"] })));
    }

    [Fact]
    public void What_else_stands_in_an_archive_is_passed_over()
    {
        Put(
            "a.tar",
            ("__index__.txt", Text("hello")),
            ("._1.png", Text("x")),
            ("1.seg.png", Pngs.Red(90)),
            ("1.png", Pngs.Red(1)),
            ("1.cls", Text("0")),
            ("readme.md", Text("x"))
        );
        Assert.Equal([(1, 0)], Pngs.Samples(Open()));
    }

    [Theory]
    [InlineData("1.png", "'1'", ".cls")]
    [InlineData("1.cls", "'1'", "no image")]
    public void Half_samples_are_named(string only, params string[] named)
    {
        Put("a.tar", (only, only.EndsWith("png") ? Pngs.Red(1) : Text("0")));
        DataAssert.Fails(DataErrors.DamagedFile, () => Open(), ["a.tar", .. named]);
    }

    [Fact]
    public void Doubled_images_and_labels_that_are_none_are_named()
    {
        Put("a.tar", ("1.png", Pngs.Red(1)), ("1.jpg", Pngs.Red(1)), ("1.cls", Text("0")));
        DataAssert.Fails(DataErrors.DamagedFile, () => Open(), "two images");
        Put("a.tar", ("1.png", Pngs.Red(1)), ("1.json", Text("{")));
        DataAssert.Fails(DataErrors.DamagedFile, () => Open(), ".json");
        Put("a.tar", ("1.png", Pngs.Red(1)), ("1.cls", new byte[2 << 20]));
        DataAssert.Fails(DataErrors.DamagedFile, () => Open(), "label");
        Put("a.tar", ("x.md", Text("0")));
        DataAssert.Fails(DataErrors.EmptyClass, () => Open());
    }

    [Fact]
    public void Damaged_archives_end_in_one_clear_message_wherever_they_are_damaged()
    {
        var intact = Tar(
            TarEntryFormat.Pax,
            ("1.png", Pngs.Red(1)),
            ("1.cls", Text("0")),
            ("2.png", Pngs.Red(2)),
            ("2.cls", Text("1"))
        );
        Damage.Each(
            intact,
            300,
            4,
            bytes =>
            {
                File.WriteAllBytes(_folder["a.tar"], bytes);
                Pngs.Samples(Open());
            },
            "KDP0404",
            "KDP0405",
            "KDP0406",
            "KDP0407",
            "KDP0408",
            "KDP0409"
        );
    }

    [Fact]
    public void A_compressed_archive_is_refused_with_what_to_do()
    {
        File.WriteAllBytes(_folder["a.tar"], [0x1f, 0x8b, 8, 0, .. new byte[600]]);
        DataAssert.Fails(DataErrors.DamagedFile, () => Open(), "decompressed");
        DataAssert.Fails(DataErrors.EmptyClass, () => Open(null, "*.tgz"));
        DataAssert.Fails(DataErrors.NotFound, () => Open(null, "nowhere"), "nowhere");
    }

    [Fact]
    public void Shards_are_found_by_pattern_by_name_or_by_option()
    {
        foreach (
            var (name, red) in ((string, int)[])
                [("x/train-0.tar", 1), ("x/train-1.tar", 2), ("x/test-0.tar", 3), ("y/other.tar", 4)]
        )
            Put(name, ("1.png", Pngs.Red(red)), ("1.cls", Text("0")));
        Assert.Equal([(1, 0), (2, 0)], Pngs.Samples(Open(null, "x/train-*.tar")));
        Assert.Equal([(3, 0)], Pngs.Samples(Open(null, "x"), "test"));
        Assert.Equal([(1, 0), (4, 0)], Pngs.Samples(Open(null, "x/train-0.tar", "y")));
        Assert.Equal([(4, 0)], Pngs.Samples(Open(new() { Test = ["y/other.tar"] }, "x"), "test"));
        DataAssert.Fails(DataErrors.NotFound, () => Open(null, "x/train-0.tar", "x"), "twice");
        // Links to files count, as caches have them; one to a folder above would give everything again.
        File.CreateSymbolicLink(_folder["y", "zz.tar"], _folder["x", "test-0.tar"]);
        Directory.CreateSymbolicLink(_folder["y", "loop"], _folder.Path);
        Assert.Equal([(4, 0), (3, 0)], Pngs.Samples(Open(null, "y")));
        Assert.NotEqual(Open(null, "x/train-*.tar").Fingerprint, Open(null, "x/train-0.tar").Fingerprint);
    }
}
