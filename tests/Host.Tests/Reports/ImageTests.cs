using System.Buffers.Binary;
using System.IO.Compression;
using KdPlugins.Host.Reports.Images;
using TorchSharp;

namespace KdPlugins.Host.Tests.Reports;

/// <summary>PNG files and the sheets of data sets.</summary>
public sealed class ImageTests : IDisposable
{
    private const string Card =
        """{ "kind": "data-set", "name": "set", "classNames": ["cat", "猫", "a very long name of a class"] }""";

    private readonly RunFolderKit _kit = new();

    public ImageTests() => _kit.Write("run/recipe.json", """{ "name": "demo" }""");

    public void Dispose() => _kit.Dispose();

    [Theory]
    [InlineData(255)]
    [InlineData(77)]
    public void A_picture_comes_back_pixel_by_pixel(byte opacity)
    {
        var raster = new Raster(5, 3);
        for (var i = 0; i < 15; i++)
            raster.Set(i % 5, i / 5, ((byte)(17 * i), (byte)(255 - i), (byte)(i * i), opacity));
        Assert.Equal(raster.Pixels, Decode(Png.Encode(raster)).Pixels);
    }

    [Fact]
    public void Shrinking_takes_means()
    {
        var raster = new Raster(4, 2);
        for (var x = 0; x < 4; x++)
            (raster.Pixels[4 * x], raster.Pixels[4 * (4 + x)]) = ((byte)(10 * x), (byte)(10 * x + 4));
        Assert.Equal([7, 27], raster.Shrunk(2).Pixels.Where((_, i) => i % 4 == 0).Select(p => (int)p));
    }

    [Fact]
    public void A_data_set_gets_a_sheet_in_the_order_of_its_classes_and_a_section()
    {
        // Image i has brightness 20 i; classes 2, 0, 1, 0.
        var images = (torch.arange(4, dtype: torch.ScalarType.Float32) * 20 / 255).view(4, 1, 1, 1).expand(4, 3, 8, 8);
        _kit.Save(
            "run/outputs/set/data.safetensors",
            new() { ["images"] = images.contiguous(), ["labels"] = torch.tensor(new long[] { 2, 0, 1, 0 }) }
        );
        _kit.Write("run/outputs/set/card.json", Card);
        _kit.Write("run/outputs/other/card.json", """{ "kind": "weights" }""");
        var page = _kit.Page();
        var section = page.Descendants("section").Single(s => s.Attribute("id")!.Value == "data-1");
        Assert.Equal("Data set set", section.Element("h2")!.Value);
        Assert.Equal(
            "4 images of the data set set, in the order of their classes",
            section.Descendants("img").Single().Attribute("alt")!.Value
        );
        var sheet = Decode(File.ReadAllBytes(_kit.At("run/outputs/set/sheet.png")));
        // 64 pixels and a gap of 8 each, and a line of captions.
        Assert.Equal((4 * 72 + 8, 8 + 64 + 11 + 8), (sheet.Width, sheet.Height));
        Assert.Equal([20, 60, 40, 0], Enumerable.Range(0, 4).Select(i => (int)sheet.Get(8 + 72 * i + 30, 40).Red));
        Assert.False(File.Exists(_kit.At("run/outputs/other/sheet.png")));
    }

    [Fact]
    public void At_most_a_hundred_images_are_shown_from_every_class_alike()
    {
        var labels = torch.arange(300, dtype: torch.ScalarType.Int64).remainder(150).sort().Values;
        _kit.Save(
            "run/outputs/set/data.safetensors",
            new() { ["images"] = torch.zeros(300, 1, 2, 2, dtype: torch.ScalarType.Byte), ["labels"] = labels }
        );
        _kit.Write("run/outputs/set/card.json", """{ "kind": "data-set" }""");
        Assert.Equal(100, Assert.Single(DataSetSheet.Of(_kit.At("run"))).Shown);
    }

    [Fact]
    public void Soft_labels_values_out_of_range_and_NaN_are_drawn()
    {
        _kit.Save(
            "run/outputs/set/data.safetensors",
            new()
            {
                ["images"] = torch.tensor(new[] { -5f, 7f, float.NaN, float.PositiveInfinity }).view(4, 1, 1, 1),
                ["soft"] = torch.ones(4, 3) / 3,
            }
        );
        _kit.Write("run/outputs/set/card.json", Card);
        Assert.Equal("", Assert.Single(DataSetSheet.Of(_kit.At("run"))).Problem);
    }

    // A line of captions is 11 pixels high.
    [Theory]
    [InlineData("probabilities", true)]
    [InlineData("embeddings", false)]
    [InlineData("as many embeddings", false)]
    public void Soft_targets_are_captioned_where_they_are_probabilities_of_the_datas_classes(string kind, bool captions)
    {
        var soft = kind switch
        {
            "probabilities" => torch.eye(3),
            "embeddings" => torch.eye(3, 7),
            _ => torch.eye(3) * 4,
        };
        _kit.Save(
            "run/outputs/set/data.safetensors",
            new() { ["images"] = torch.zeros(3, 1, 8, 8), ["soft"] = soft.contiguous() }
        );
        _kit.Write("run/outputs/set/card.json", Card.Replace("\"name\"", "\"classes\": 3, \"name\""));
        var sheet = Decode(Assert.Single(DataSetSheet.Of(_kit.At("run"))).Png);
        Assert.Equal(64 + 16 + (captions ? 11 : 0), sheet.Height);
    }

    [Theory]
    [InlineData(null, "data.safetensors")]
    [InlineData("labels", "there is no tensor 'images'")]
    [InlineData("flat", "expected [N, C, H, W]")]
    [InlineData("whole", "expected uint8 or float")]
    public void What_cannot_be_shown_is_said(string? kind, string expected)
    {
        _kit.Write("run/outputs/set/card.json", Card);
        Dictionary<string, torch.Tensor>? tensors = kind switch
        {
            "labels" => new() { ["labels"] = torch.zeros(3, dtype: torch.ScalarType.Int64) },
            "flat" => new() { ["images"] = torch.zeros(3, 4) },
            "whole" => new() { ["images"] = torch.zeros(3, 1, 2, 2, dtype: torch.ScalarType.Int64) },
            _ => null,
        };
        if (tensors is not null)
            _kit.Save("run/outputs/set/data.safetensors", tensors);
        Assert.Contains(expected, Assert.Single(DataSetSheet.Of(_kit.At("run"))).Problem);
        Assert.Contains(expected, _kit.Page().Value);
    }

    [Fact]
    public void Letters_are_there_for_all_of_ASCII_and_nothing_else()
    {
        var all = string.Concat(Enumerable.Range(' ', '~' - ' ' + 1).Select(c => (char)c));
        Assert.True(PixelFont.Has(all));
        Assert.False(PixelFont.Has("é"));
        Assert.False(PixelFont.Has(""));
        var raster = new Raster(all.Length * PixelFont.Advance, PixelFont.Height);
        PixelFont.Draw(raster, all, 0, 0, (1, 2, 3, 255));
        var inked = Enumerable
            .Range(0, all.Length)
            .Select(i => Enumerable.Range(0, 5 * 7).Count(p => raster.Get(6 * i + p % 5, p / 5).Opacity > 0))
            .ToList();
        Assert.Equal(0, inked[0]);
        Assert.All(inked.Skip(1), n => Assert.InRange(n, 2, 25));
        Assert.Equal("a ver..", PixelFont.Fit("a very long name", 42));
    }

    // By the specification, for what the encoder may write: 8 bits, no interlacing.
    private static Raster Decode(byte[] png)
    {
        Assert.Equal(0x89504E470D0A1A0AUL, BinaryPrimitives.ReadUInt64BigEndian(png));
        using var packed = new MemoryStream();
        var raster = new Raster(1, 1);
        var channels = 0;
        for (var at = 8; at < png.Length; )
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(at));
            var body = png.AsSpan(at + 4, length + 4);
            Assert.Equal(
                System.IO.Hashing.Crc32.HashToUInt32(body),
                BinaryPrimitives.ReadUInt32BigEndian(png.AsSpan(at + 8 + length))
            );
            var type = System.Text.Encoding.ASCII.GetString(body[..4]);
            if (type == "IHDR")
            {
                raster = new(
                    BinaryPrimitives.ReadInt32BigEndian(body[4..]),
                    BinaryPrimitives.ReadInt32BigEndian(body[8..])
                );
                channels = body[13] == 2 ? 3 : 4;
            }
            if (type == "IDAT")
                packed.Write(body[4..]);
            at += length + 12;
        }
        packed.Position = 0;
        using var zlib = new ZLibStream(packed, CompressionMode.Decompress);
        var row = new byte[raster.Width * channels];
        for (var y = 0; y < raster.Height; y++)
        {
            Assert.Equal(2, zlib.ReadByte());
            var change = new byte[row.Length];
            zlib.ReadExactly(change);
            for (var i = 0; i < row.Length; i++)
                row[i] += change[i];
            for (var x = 0; x < raster.Width; x++)
                raster.Set(
                    x,
                    y,
                    (
                        row[x * channels],
                        row[x * channels + 1],
                        row[x * channels + 2],
                        channels == 4 ? row[x * channels + 3] : (byte)255
                    )
                );
        }
        Assert.Equal(-1, zlib.ReadByte());
        return raster;
    }
}
