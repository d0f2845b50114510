using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Datasets;
using SkiaSharp;

namespace KdPlugins.Plugins.Tests.Datasets;

/// <summary>Data sets that know what is theirs, and how it is opened.</summary>
public sealed class RecognitionTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Put(string name, byte[] bytes)
    {
        var path = _folder[name];
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private string Put(string name, int width, int height) => Put(name, Pngs.Plain(width, height, SKColors.Red));

    private static string? Text(JsonObject? options) => options?.ToJsonString().Replace("\\u0022", "\"");

    private static JsonObject? Ask(IRecognisesData plugin, string path) => plugin.Recognise(path);

    [Fact]
    public void Folders_of_classes_have_the_size_that_all_of_their_images_have()
    {
        Put("data/a/1.png", 20, 12);
        Put("data/b/2.png", 20, 12);
        Assert.Equal(
            $$"""{"path":"{{_folder["data"]}}","size":[12,20]}""",
            Text(Ask(new ImageFolderPlugin(), _folder["data"]))
        );
    }

    [Theory]
    [InlineData(300, 250, 224)] // large ones are brought down
    [InlineData(100, 70, 64)] // to a usual size that they reach
    [InlineData(20, 30, 20)] // and not up
    public void Images_of_several_sizes_become_squares(int width, int height, int side)
    {
        for (var i = 0; i < 10; i++)
            Put($"data/a/{i}.png", width, height + i);
        // One that is small is no reason.
        Put("data/b/small.png", 9, 9);
        Assert.Equal(side, (int)Ask(new ImageFolderPlugin(), _folder["data"])!["size"]!);
    }

    [Fact]
    public void Data_that_are_damaged_are_known_all_the_same()
    {
        Put("data/a/1.png", "no image"u8.ToArray());
        Put("data/b/2.png", 8, 8);
        Assert.Equal($$"""{"path":"{{_folder["data"]}}"}""", Text(Ask(new ImageFolderPlugin(), _folder["data"])));
        var list = Put("broken.csv", "file,label\nnowhere.png,a\n"u8.ToArray());
        Assert.Equal($$"""{"path":"{{list}}"}""", Text(Ask(new ImageListPlugin(), list)));
        var table = Put("broken.parquet", "no table"u8.ToArray());
        Assert.Equal($$"""{"path":"{{table}}"}""", Text(Ask(new ImageParquetPlugin(), table)));
        Put("idx/train-labels-idx1-ubyte", [1, 2, 3]);
        Assert.Equal($$"""{"path":"{{_folder["idx"]}}"}""", Text(Ask(new MnistPlugin(), _folder["idx"])));
    }

    [Theory]
    [InlineData("l.csv", "file,label,split\n1.png,a,train\n2.png,b,train\n", ",\"splitColumn\":\"split\"")]
    [InlineData("l.csv", "1.png,a\n2.png,b\n", ",\"header\":false")]
    [InlineData("l.csv", "file;label\n1.png;a\n2.png;b\n", ",\"delimiter\":\";\"")]
    [InlineData("l.csv", "file,label\n1.png,a\n2.png,b\n", "")]
    [InlineData("l.tsv", "file\tlabel\n1.png\ta\n2.png\tb\n", "")]
    [InlineData("l.jsonl", """{"file":"1.png","label":"a","set":"train"}""", ",\"splitColumn\":\"set\"")]
    public void Lists_are_known_with_how_they_are_written(string name, string text, string more)
    {
        Put("1.png", 8, 8);
        Put("2.png", 8, 8);
        var list = Put(name, Encoding.UTF8.GetBytes(text));
        foreach (var path in (string[])[list, _folder.Path])
        {
            var options = Ask(new ImageListPlugin(), path);
            Assert.Equal($$"""{"path":"{{list}}"{{more}},"size":8}""", Text(options));
        }
    }

    [Fact]
    public void A_list_of_something_else_makes_no_image_list_of_a_folder()
    {
        Put("data/a/1.png", 8, 8);
        Put("data/notes.csv", "day,weather\nMonday,rain\n"u8.ToArray());
        Assert.Null(Ask(new ImageListPlugin(), _folder["data"]));
        Assert.NotNull(Ask(new ImageFolderPlugin(), _folder["data"]));
    }

    [Fact]
    public void Tables_arrays_and_binary_files_are_known_by_their_names()
    {
        var table = Path.Combine(AppContext.BaseDirectory, "Datasets", "Fixtures", "hub.parquet");
        Assert.NotNull(Ask(new ImageParquetPlugin(), table)!["size"]);
        var array = Put("arrays/all.npz", [1]);
        Assert.Equal(array, (string)Ask(new NpzPlugin(), _folder["arrays"])!["path"]!);
        Put("arrays/more.npz", [1]);
        Assert.Null(Ask(new NpzPlugin(), _folder["arrays"]));
        Assert.Equal(array, (string)Ask(new NpzPlugin(), array)!["path"]!);

        Put("ten/cifar-10-batches-bin/data_batch_1.bin", [1]);
        Assert.Equal($$"""{"path":"{{_folder["ten"]}}"}""", Text(Ask(new CifarPlugin(), _folder["ten"])));
        Put("hundred/train.bin", [1]);
        Assert.Equal(100, (int)Ask(new CifarPlugin(), _folder["hundred"])!["classes"]!);

        var labels = new byte[8 + 3];
        (labels[2], labels[3], labels[9]) = (8, 1, 46);
        BinaryPrimitives.WriteInt32BigEndian(labels.AsSpan(4), 3);
        Put("letters/train-labels-idx1-ubyte", labels);
        Assert.Equal(47, (int)Ask(new MnistPlugin(), _folder["letters"])!["classes"]!);
    }

    public static TheoryData<IRecognisesData> All =>
        [
            new ImageFolderPlugin(),
            new ImageListPlugin(),
            new ImageTarPlugin(),
            new ImageParquetPlugin(),
            new NpzPlugin(),
            new CifarPlugin(),
            new MnistPlugin(),
        ];

    [Theory]
    [MemberData(nameof(All))]
    public void Nothing_of_theirs_is_null(IRecognisesData plugin)
    {
        Directory.CreateDirectory(_folder["empty/inner"]);
        Assert.Null(plugin.Recognise(_folder["empty"]));
        Assert.Null(plugin.Recognise(Put("text.md", "hello"u8.ToArray())));
        Put("hidden/.1.png", 8, 8);
        Assert.Null(plugin.Recognise(_folder["hidden"]));
    }
}
