using System.IO.Compression;
using System.Text;
using KdPlugins.Host.Reports.Images;
using Parquet;
using Parquet.Schema;
using PngFile = KdPlugins.Host.Reports.Images.Png;

namespace KdPlugins.Host.Tests.Commands.New;

/// <summary>Data as people have them: images of three classes that differ in colour, in several forms.</summary>
internal static class Pictures
{
    internal static readonly string[] Classes = ["apple", "leaf", "sky"];

    /// <summary>A PNG of a class, all of one number the same.</summary>
    internal static byte[] Png(int label, int number, int width, int height)
    {
        var raster = new Raster(width, height);
        for (var y = 0; y < height; y++)
        for (var x = 0; x < width; x++)
        {
            var noise = (byte)((x * 7 + y * 13 + number * 31) % 64);
            raster.Set(x, y, Colour(label, noise));
        }
        return PngFile.Encode(raster);
    }

    /// <summary>A folder per class.</summary>
    internal static void Folders(string root, int perClass, int width = 16, int height = 16, int classes = 3)
    {
        for (var label = 0; label < classes; label++)
        {
            Directory.CreateDirectory(Path.Combine(root, Classes[label]));
            for (var i = 0; i < perClass; i++)
                File.WriteAllBytes(Path.Combine(root, Classes[label], $"{i:D3}.png"), Png(label, i, width, height));
        }
    }

    /// <summary>Files in one folder, and lines that name them.</summary>
    internal static string List(string root, int perClass, string separator = ",", bool splits = false)
    {
        Directory.CreateDirectory(Path.Combine(root, "files"));
        var lines = new StringBuilder(
            string.Join(separator, ["file", "species", .. splits ? ["split"] : (string[])[]]) + "\n"
        );
        for (var i = 0; i < 3 * perClass; i++)
        {
            File.WriteAllBytes(Path.Combine(root, "files", $"{i}.png"), Png(i % 3, i, 16, 16));
            string[] row =
            [
                $"files/{i}.png",
                Classes[i % 3],
                .. splits ? [i < 2 * perClass ? "train" : "test"] : (string[])[],
            ];
            lines.Append(string.Join(separator, row)).Append('\n');
        }
        var list = Path.Combine(root, "labels.csv");
        File.WriteAllText(list, lines.ToString());
        return list;
    }

    /// <summary>Arrays of bytes [N, 16, 16] and labels [N].</summary>
    internal static string Npz(string path, int perClass)
    {
        var count = 3 * perClass;
        var pixels = new byte[count * 256];
        for (var i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)(i / 256 % 3 * 80 + i % 40);
        using var zip = ZipFile.Open(path, ZipArchiveMode.Create);
        Put("train_images", $"({count}, 16, 16)", pixels);
        Put("train_labels", $"({count},)", [.. Enumerable.Range(0, count).Select(i => (byte)(i % 3))]);
        return path;

        void Put(string name, string shape, byte[] values)
        {
            var header = $"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".PadRight(117) + "\n";
            using var stream = zip.CreateEntry($"{name}.npy").Open();
            stream.Write([0x93, .. "NUMPY"u8, 1, 0, (byte)(header.Length & 255), (byte)(header.Length >> 8)]);
            stream.Write(Encoding.ASCII.GetBytes(header));
            stream.Write(values);
        }
    }

    /// <summary>A table with images and labels, as the hub has them.</summary>
    internal static async Task<string> ParquetAsync(string path, int perClass)
    {
        var (bytes, place, label) = (
            new DataField<byte[]>("bytes"),
            new DataField<string>("path"),
            new DataField<long>("label")
        );
        await using var stream = File.Create(path);
        await using var writer = await ParquetWriter.CreateAsync(
            new ParquetSchema(new StructField("image", bytes, place), label),
            stream
        );
        using var group = writer.CreateRowGroup();
        var rows = Enumerable.Range(0, 3 * perClass).ToArray();
        await group.WriteAsync<ReadOnlyMemory<byte>>(
            bytes,
            rows.Select(i => (ReadOnlyMemory<byte>?)Png(i % 3, i, 16, 16).AsMemory()).ToArray()
        );
        await group.WriteAsync(place, rows.Select(i => $"{i}.png").ToArray());
        await group.WriteAsync<long>(label, rows.Select(i => (long)(i % 3)).ToArray());
        return path;
    }

    private static (byte, byte, byte, byte) Colour(int label, byte noise) =>
        label switch
        {
            0 => (220, noise, noise, 255),
            1 => (noise, 200, noise, 255),
            _ => (noise, noise, 230, 255),
        };
}
