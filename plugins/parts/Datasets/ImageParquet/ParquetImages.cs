using System.Globalization;
using KdPlugins.Core;
using KdPlugins.Torch;
using Parquet;
using Parquet.Schema;

namespace KdPlugins.Datasets;

/// <summary>Reads images and labels of Parquet files into memory, the images as they are stored.</summary>
internal sealed class ParquetImages(ImageParquetOptions options)
{
    // Rows of a group are held at once; the hub writes some hundreds.
    private const int MostRows = 10_000_000;
    private long _left = options.MaxMegabytes * 1_000_000L;

    /// <summary>The classes' names of the files that were read; empty where they do not say.</summary>
    public IReadOnlyList<string> ClassNames { get; private set; } = [];

    /// <summary>The rows of the files of a split.</summary>
    /// <exception cref="KdException"><c>KDP0404</c>: no Parquet file, or not with these columns; <c>KDP0406</c>: more than may be held.</exception>
    public async Task<LabelledImages> Read(IReadOnlyList<string> files)
    {
        var (images, labels, origins) = (
            new List<ReadOnlyMemory<byte>>(),
            new List<string>(),
            new List<(int First, string File)>()
        );
        foreach (var file in files)
        {
            origins.Add((images.Count, file));
            try
            {
                await using var stream = DataFile.Open(file);
                await Read(stream, file, images, labels);
            }
            catch (Exception e) when (e is not (KdException or OutOfMemoryException))
            {
                // The library meets what is damaged with whatever its code happens to raise.
                throw new KdException(
                    DataErrors.DamagedFile,
                    $"'{file}' is no intact Parquet file: {SafeText.Line(e.Message)}",
                    inner: e
                );
            }
        }
        string Name(int index)
        {
            var origin = origins.FindLast(o => o.First <= index);
            return $"row {index - origin.First} of {origin.File}";
        }
        return new(new MemoryStore(images, Name), labels);
    }

    private async Task Read(Stream stream, string file, List<ReadOnlyMemory<byte>> images, List<string> labels)
    {
        await using var reader = await ParquetReader.CreateAsync(stream);
        var features = HubFeatures.Read(reader.CustomMetadata.GetValueOrDefault("huggingface"));
        var columns = ParquetColumns.Find(reader.Schema.GetDataFields(), features, options, file);
        Remember(features, columns, file);
        for (var group = 0; group < reader.RowGroupCount; group++)
        {
            using var rows = reader.OpenRowGroupReader(group);
            if (rows.RowCount is < 0 or > MostRows)
                throw new KdException(
                    DataErrors.TooLarge,
                    $"'{file}' has a group of {rows.RowCount} rows; at most {MostRows} are read."
                );
            var before = images.Count;
            await AddImages(rows, columns.Image, file, images);
            await AddLabels(rows, columns.Label, file, labels);
            if (images.Count - before != rows.RowCount || labels.Count != images.Count)
                throw new KdException(DataErrors.DamagedFile, $"'{file}' has a row without image or label.");
        }
    }

    private void Remember(HubFeatures features, ParquetColumns columns, string file)
    {
        if (!features.Labels.TryGetValue(columns.LabelName, out var names))
            return;
        if (ClassNames.Count > 0 && !ClassNames.SequenceEqual(names))
            throw new KdException(DataErrors.LabelOutOfRange, $"'{file}' has other classes than the files before it.");
        ClassNames = names;
    }

    private async Task AddImages(
        ParquetRowGroupReader rows,
        DataField field,
        string file,
        List<ReadOnlyMemory<byte>> images
    )
    {
        var found = await Values<ReadOnlyMemory<byte>>(rows, field, file);
        foreach (var image in found)
        {
            _left -= image.Length;
            if (_left < 0)
                throw new KdException(
                    DataErrors.TooLarge,
                    $"'{file}' brings the images to more than {options.MaxMegabytes} megabytes.",
                    "Raise \"maxMegabytes\" where the memory allows it, or write the images as tar shards (image-tar), which are not held in memory."
                );
            images.Add(image.ToArray());
        }
    }

    private static async Task AddLabels(ParquetRowGroupReader rows, DataField field, string file, List<string> labels)
    {
        string Text<T>(T value)
            where T : struct, IFormattable => value.ToString(null, CultureInfo.InvariantCulture);

        var type = field.ClrType;
        if (type == typeof(string) || type == typeof(ReadOnlyMemory<char>))
            labels.AddRange((await Values<ReadOnlyMemory<char>>(rows, field, file)).Select(v => v.ToString()));
        else if (type == typeof(long))
            labels.AddRange((await Values<long>(rows, field, file)).Select(Text));
        else if (type == typeof(int))
            labels.AddRange((await Values<int>(rows, field, file)).Select(Text));
        else if (type == typeof(short))
            labels.AddRange((await Values<short>(rows, field, file)).Select(Text));
        else if (type == typeof(byte))
            labels.AddRange((await Values<byte>(rows, field, file)).Select(Text));
        else
            throw new KdException(
                DataErrors.DamagedFile,
                $"Column '{field.Path}' of '{file}' holds {type.Name}; labels are whole numbers or texts."
            );
    }

    // Those that are there: a row without one is found by the count.
    private static async Task<T[]> Values<T>(ParquetRowGroupReader rows, DataField field, string file)
        where T : struct
    {
        var count = rows.GetMetadata(field)?.MetaData?.NumValues ?? -1;
        if (count != rows.RowCount)
            throw new KdException(
                DataErrors.DamagedFile,
                $"Column '{field.Path}' of '{file}' has {count} values in {rows.RowCount} rows."
            );
        var values = new T[count];
        var levels = field.MaxDefinitionLevel > 0 ? new int[count] : null;
        await rows.ReadRawAsync<T>(field, values, levels is null ? null : (Memory<int>?)levels, null);
        var there = levels?.Count(level => level == field.MaxDefinitionLevel) ?? (int)count;
        return values[..there];
    }
}
