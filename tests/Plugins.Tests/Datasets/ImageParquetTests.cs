using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Torch;
using Parquet;
using Parquet.Schema;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Datasets;

/// <summary>Parquet files of images and labels.</summary>
public sealed class ImageParquetTests : IDisposable
{
    private const string Hub = """
        {"info": {"features": {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog", "owl"], "_type": "ClassLabel"}}}}
        """;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // As datasets writes: a struct of bytes and path, and an int64.
    private static readonly DataField Bytes = new DataField<byte[]>("bytes");
    private static readonly DataField PathField = new DataField<string>("path");
    private static readonly DataField Label = new DataField<long>("label");

    private void Put(string name, (byte[]? Image, long Label)[][] groups, string? hub = Hub)
    {
        using var stream = File.Create(_folder[name]);
        Write(stream, groups, hub).GetAwaiter().GetResult();
    }

    private static async Task Write(Stream stream, (byte[]? Image, long Label)[][] groups, string? hub)
    {
        var schema = new ParquetSchema(new StructField("image", Bytes, PathField), Label);
        await using var writer = await ParquetWriter.CreateAsync(schema, stream);
        if (hub is not null)
            writer.CustomMetadata = new Dictionary<string, string> { ["huggingface"] = hub };
        foreach (var rows in groups)
        {
            using var group = writer.CreateRowGroup();
            await group.WriteAsync<ReadOnlyMemory<byte>>(
                Bytes,
                rows.Select(r => r.Image is null ? (ReadOnlyMemory<byte>?)null : r.Image.AsMemory()).ToArray()
            );
            await group.WriteAsync(PathField, rows.Select((_, i) => $"{i}.png").ToArray());
            await group.WriteAsync<long>(Label, rows.Select(r => r.Label).ToArray());
        }
    }

    private IDataset Open(ImageParquetOptions? options = null, string path = ".") =>
        Make.Plugin<ImageParquetPlugin>((options ?? new()) with { Path = [path] }).Open(_folder.Path);

    [Fact]
    public void A_folder_of_the_hub_is_read_with_its_splits_and_names()
    {
        Put(
            "data/train-00000-of-00002.parquet",
            [
                [(Pngs.Red(1), 0), (Pngs.Red(2), 2)],
                [(Pngs.Red(3), 1)],
            ]
        );
        Put(
            "data/train-00001-of-00002.parquet",
            [
                [(Pngs.Red(4), 1)],
            ]
        );
        Put(
            "data/validation-00000-of-00001.parquet",
            [
                [(Pngs.Red(5), 2)],
            ]
        );
        var data = Open();
        Assert.Equal(["cat", "dog", "owl"], data.Info.ClassNames);
        Assert.Equal([(1, 0), (2, 2), (3, 1), (4, 1)], Pngs.Samples(data));
        Assert.Equal([(5, 2)], Pngs.Samples(data, "val"));
        DataAssert.ReadsPurely(data.Open("train"));
        Assert.Equal(data.Fingerprint, Open().Fingerprint);
        Assert.NotEqual(data.Fingerprint, Open(new() { Grey = true }).Fingerprint);
    }

    /// <summary>
    /// Fixtures/hub.parquet was written by Arrow's own C++ writer (ParquetSharp 25.0.1.2) with the schema, compression (snappy),
    /// dictionaries and metadata that pyarrow gives a data set of the hub: nine images in two groups, no paths.
    /// </summary>
    [Fact]
    public void A_file_of_another_writer_is_read_to_the_last_pixel()
    {
        File.Copy(
            Path.Combine(AppContext.BaseDirectory, "Datasets", "Fixtures", "hub.parquet"),
            _folder["train.parquet"]
        );
        var data = Open();
        Assert.Equal(["angular_leaf_spot", "bean_rust", "healthy"], data.Info.ClassNames);
        Assert.Equal(Enumerable.Range(0, 9).Select(i => (10 * i, (long)(i % 3))), Pngs.Samples(data));
    }

    [Fact]
    public void Without_metadata_the_only_image_and_the_usual_label_are_taken()
    {
        Put(
            "a.parquet",
            [
                [(Pngs.Red(1), 4), (Pngs.Red(2), 0)],
            ],
            hub: null
        );
        var data = Open();
        Assert.Equal([(1, 4), (2, 0)], Pngs.Samples(data));
        Assert.Equal((5, 0), ((int)data.Info.Classes, data.Info.ClassNames.Count));
        Assert.Equal([(1, 4), (2, 0)], Pngs.Samples(Open(new() { ImageColumn = "image", LabelColumn = "label" })));
        DataAssert.Fails(
            DataErrors.DamagedFile,
            () => Open(new() { ImageColumn = "picture" }),
            "image/bytes",
            "\"imageColumn\""
        );
        DataAssert.Fails(DataErrors.DamagedFile, () => Open(new() { LabelColumn = "class" }), "\"labelColumn\"");
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"info":{"features":[1]}}""")]
    [InlineData("""{"info":{"features":{"label":{"_type":"ClassLabel","names":[1]},"image":3}}}""")]
    public void Metadata_of_others_are_passed_over(string hub)
    {
        Put(
            "a.parquet",
            [
                [(Pngs.Red(1), 0)],
            ],
            hub
        );
        Assert.Equal([(1, 0)], Pngs.Samples(Open()));
    }

    [Fact]
    public void Rows_without_image_labels_without_class_and_other_classes_are_named()
    {
        Put(
            "a.parquet",
            [
                [(Pngs.Red(1), 0), (null, 1)],
            ]
        );
        DataAssert.Fails(DataErrors.DamagedFile, () => Open(), "a.parquet", "without image");
        Put(
            "a.parquet",
            [
                [(Pngs.Red(1), 0), (Pngs.Red(2), 3)],
            ]
        );
        DataAssert.Fails(DataErrors.LabelOutOfRange, () => Open(), "row 1 of", "a.parquet", "'3'");
        Put(
            "a.parquet",
            [
                [(Pngs.Red(1), -1)],
            ],
            hub: null
        );
        Assert.Equal(["-1"], Open().Info.ClassNames);
        Put(
            "a.parquet",
            [
                [(Pngs.Red(1), 0)],
            ]
        );
        Put(
            "b.parquet",
            [
                [(Pngs.Red(1), 0)],
            ],
            Hub.Replace("owl", "emu")
        );
        DataAssert.Fails(DataErrors.LabelOutOfRange, () => Open(), "b.parquet");
    }

    [Fact]
    public void More_than_may_be_held_is_refused_with_what_to_do()
    {
        var large = new byte[700_000];
        Pngs.Red(1).CopyTo(large, 0);
        Put(
            "a.parquet",
            [
                [(large, 0), (large, 1)],
            ]
        );
        DataAssert.Fails(DataErrors.TooLarge, () => Open(new() { MaxMegabytes = 1 }), "maxMegabytes", "image-tar");
        Assert.Equal(2, Open(new() { MaxMegabytes = 2 }).Open("train").Count);
    }

    [Fact]
    public async Task Damaged_files_end_in_one_clear_message_wherever_they_are_damaged()
    {
        using var stream = new MemoryStream();
        await Write(
            stream,
            [
                [(Pngs.Red(1), 0), (Pngs.Red(2), 1)],
                [(Pngs.Red(3), 2)],
            ],
            Hub
        );
        Damage.Each(
            stream.ToArray(),
            400,
            3,
            bytes =>
            {
                File.WriteAllBytes(_folder["a.parquet"], bytes);
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
    public void What_is_no_Parquet_file_is_refused()
    {
        File.WriteAllText(_folder["a.parquet"], "version https://git-lfs.github.com/spec/v1");
        DataAssert.Fails(DataErrors.DamagedFile, () => Open(), "a.parquet");
    }
}
