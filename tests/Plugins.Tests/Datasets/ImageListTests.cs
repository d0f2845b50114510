using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Datasets;

/// <summary>Lists of image files with labels.</summary>
public sealed class ImageListTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public ImageListTests()
    {
        for (var i = 0; i < 6; i++)
            File.WriteAllBytes(_folder["images", $"{i}.png"], Pngs.Red(i));
    }

    public void Dispose() => _folder.Dispose();

    private void Put(string name, string text) => File.WriteAllText(_folder[name], text);

    private IDataset Open(string list = "list.csv", ImageListOptions? options = null) =>
        Make.Plugin<ImageListPlugin>((options ?? new()) with { Path = [list] }).Open(_folder.Path);

    [Fact]
    public void A_table_with_a_header_gives_files_and_classes_by_name()
    {
        Put(
            "list.csv",
            "id,file_name,label\r\n1,images/0.png,dog\r\n2,images/1.png,\"cat, grey\"\r\n3,images/2.png,dog\r\n"
        );
        var data = Open();
        Assert.Equal(["cat, grey", "dog"], data.Info.ClassNames);
        Assert.Equal([(0, 1), (1, 0), (2, 1)], Pngs.Samples(data));
        Assert.Equal(["train"], data.Splits);
        DataAssert.ReadsPurely(data.Open("train"));
    }

    [Fact]
    public void Columns_are_named_or_numbered_and_labels_may_be_numbers()
    {
        Put("list.tsv", "class\tpicture\n2\timages/3.png\n0\timages/4.png\n");
        var named = Open("list.tsv", new() { FileColumn = "picture", LabelColumn = "class" });
        Assert.Equal([(3, 2), (4, 0)], Pngs.Samples(named));
        Assert.Equal((3, 0), ((int)named.Info.Classes, named.Info.ClassNames.Count));
        Put("bare.csv", "images/3.png;7\nimages/4.png;0\n");
        var bare = Open("bare.csv", new() { Header = false, Delimiter = ";" });
        Assert.Equal([(3, 7), (4, 0)], Pngs.Samples(bare));
        Put("turned.csv", "1,x,images/3.png\n");
        Assert.Equal(
            [(3, 1)],
            Pngs.Samples(
                Open(
                    "turned.csv",
                    new()
                    {
                        Header = false,
                        FileColumn = "2",
                        LabelColumn = "0",
                    }
                )
            )
        );
        var classes = new ImageListOptions
        {
            Header = false,
            FileColumn = "2",
            LabelColumn = "1",
            Classes = ["y", "x"],
        };
        Assert.Equal([(3, 1)], Pngs.Samples(Open("turned.csv", classes)));
    }

    [Fact]
    public void Lines_of_JSON_are_rows_too()
    {
        Put(
            "list.jsonl",
            """{"file_name":"images/5.png","label":"b","more":[1]}"""
                + "\n\n"
                + """{"label":"a","file_name":"images/1.png"}"""
        );
        Assert.Equal([(5, 1), (1, 0)], Pngs.Samples(Open("list.jsonl")));
        Put("numbers.jsonl", """{"image":"images/5.png","y":3}""");
        Assert.Equal([(5, 3)], Pngs.Samples(Open("numbers.jsonl", new() { LabelColumn = "y" })));
    }

    [Fact]
    public void Splits_come_from_names_from_options_or_from_a_column()
    {
        Put("lists/train.csv", "file,label\n0.png,a\n1.png,b\n");
        Put("lists/test.csv", "file,label\n2.png,b\n");
        var images = new ImageListOptions { Images = "images" };
        var data = Open("lists", images);
        Assert.Equal(["test", "train"], data.Splits.Order());
        Assert.Equal([(2, 1)], Pngs.Samples(data, "test"));
        Put("more.csv", "file,label\n3.png,a\n");
        Assert.Equal([(3, 0)], Pngs.Samples(Open("lists/train.csv", images with { Val = ["more.csv"] }), "val"));
        Put("all.csv", "file,label,split\n0.png,a,train\n1.png,b,valid\n2.png,a,unused\n3.png,b,TEST\n4.png,b,train\n");
        var column = Open("all.csv", images with { SplitColumn = "split" });
        Assert.Equal([(0, 0), (4, 1)], Pngs.Samples(column));
        Assert.Equal([(1, 1)], Pngs.Samples(column, "val"));
        Assert.Equal([(3, 1)], Pngs.Samples(column, "test"));
    }

    [Theory]
    [InlineData("../secret.png")]
    [InlineData("/etc/passwd")]
    [InlineData("images/../../secret.png")]
    [InlineData("")]
    [InlineData(".")]
    public void Files_outside_the_folder_are_refused_unread(string file)
    {
        Put("list.csv", $"file,label\nimages/0.png,a\n{file},b\n");
        var failure = Assert.Throws<KdException>(() => Open());
        Assert.Equal(file.Length == 0 ? DataErrors.DamagedFile : DataErrors.AccessDenied, failure.Code);
        Assert.Contains("Row 3", failure.Message);
    }

    [Fact]
    public void An_absolute_path_is_one_below_the_folder_of_all_images()
    {
        Put("elsewhere/list.csv", $"file,label\n{_folder["images", "2.png"]},a\n");
        DataAssert.Fails(DataErrors.AccessDenied, () => Open("elsewhere/list.csv"), "\"images\"");
        Assert.Equal([(2, 0)], Pngs.Samples(Open("elsewhere/list.csv", new() { Images = "images" })));
    }

    [Theory]
    [InlineData("list.csv", "file,label\nimages/0.png\n", "Row 2", "column 2")]
    [InlineData("list.csv", "file,label\nimages/0.png,\n", "Row 2", "no label")]
    [InlineData("list.csv", "file,label\nimages/0.png,a\"b\n", "Row 2", "quotation mark")]
    [InlineData("list.jsonl", "{\"file\":\"images/0.png\"}", "Row 1", "no key label")]
    [InlineData("list.jsonl", "{\"file\":\"images/0.png\",\"label\":[1]}", "Row 1", "'label'")]
    [InlineData("list.jsonl", "{\"file\":", "Row 1", "no JSON")]
    [InlineData("list.jsonl", "[1]", "Row 1", "object")]
    public void Damaged_lists_are_named_with_their_row(string list, string text, params string[] named)
    {
        Put(list, text);
        DataAssert.Fails(DataErrors.DamagedFile, () => Open(list), [list, .. named]);
    }

    [Fact]
    public void A_value_without_end_and_a_missing_column_are_refused()
    {
        Put("list.csv", "file,label\n\"" + new string('x', 100_000));
        DataAssert.Fails(DataErrors.DamagedFile, () => Open(), "list.csv");
        Put("list.csv", "file,label\nimages/0.png,a\n");
        DataAssert.Fails(DataErrors.DamagedFile, () => Open(options: new() { LabelColumn = "kind" }), "'kind'");
        DataAssert.Fails(
            DataErrors.DamagedFile,
            () => Open(options: new() { Header = false, LabelColumn = "kind" }),
            "'kind'"
        );
    }

    [Fact]
    public void Empty_lists_missing_files_and_labels_that_training_lacks_are_named()
    {
        Put("list.csv", "file,label\n");
        DataAssert.Fails(DataErrors.EmptyClass, () => Open(), "list.csv");
        DataAssert.Fails(DataErrors.NotFound, () => Open("none.csv"), "none.csv");
        Put("list.csv", "file,label\nimages/9.png,a\n");
        DataAssert.Fails(DataErrors.NotFound, () => Open(), "9.png");
        Put("list.csv", "file,label,s\nimages/0.png,a,train\nimages/1.png,z,test\n");
        DataAssert.Fails(DataErrors.LabelOutOfRange, () => Open(options: new() { SplitColumn = "s" }), "'z'", "1.png");
        Put("list.csv", "file,label\nimages/0.png,2000000000\n");
        DataAssert.Fails(DataErrors.LabelOutOfRange, () => Open(), "2000000000");
    }

    [Fact]
    public void The_fingerprint_follows_list_images_and_options()
    {
        Put("list.csv", "file,label\nimages/0.png,a\nimages/1.png,b\n");
        var before = Open().Fingerprint;
        Assert.Equal(before, Open().Fingerprint);
        Assert.NotEqual(before, Open(options: new() { Size = [8] }).Fingerprint);
        Put("list.csv", "file,label\nimages/0.png,b\nimages/1.png,a\n");
        Assert.NotEqual(before, Open().Fingerprint);
    }
}
