using System.Text.Json;

namespace KdPlugins;

/// <summary>What a student takes and what its answers mean: its file's metadata.</summary>
internal sealed record StudentCard
{
    /// <summary>The record of the network, as a weight file has it too.</summary>
    internal const string RecordKey = "kd.record";

    /// <summary>What the graph takes, beside the record.</summary>
    internal const string GraphKey = "kd.onnx";

    /// <summary>The graph's input and output.</summary>
    internal const string InputName = "input";

    internal const string OutputName = "logits";

    /// <summary>1 for brightness, 3 for red, green, blue.</summary>
    internal required int Channels { get; init; }

    /// <summary>Pixels.</summary>
    internal required int Height { get; init; }

    /// <summary>Pixels.</summary>
    internal required int Width { get; init; }

    /// <summary>One per answer.</summary>
    internal required IReadOnlyList<string> ClassNames { get; init; }

    /// <summary>How images of other sizes are brought to this one, in the data set's words; empty where it had none.</summary>
    internal required string Resize { get; init; }

    /// <summary>Per channel, of values from 0 to 1: (x - mean) / std.</summary>
    internal required IReadOnlyList<float> Mean { get; init; }

    /// <summary>See <see cref="Mean"/>.</summary>
    internal required IReadOnlyList<float> Std { get; init; }

    /// <summary>Whether the graph takes bytes [batch, height, width, channels] and prepares them itself.</summary>
    internal bool TakesPixels { get; init; }

    /// <summary>Whether an image of another shape is taken whole; else the square in its middle.</summary>
    internal bool Stretches => Resize == "stretch";

    /// <summary>Of one image.</summary>
    internal int Values => Channels * Height * Width;

    /// <summary>Reads it.</summary>
    /// <param name="metadata">The file's metadata.</param>
    /// <param name="name">The file, for messages.</param>
    /// <exception cref="StudentException">It is missing, damaged, or of a network that takes no images.</exception>
    internal static StudentCard Read(IReadOnlyDictionary<string, string> metadata, string name)
    {
        if (!metadata.TryGetValue(RecordKey, out var text))
            throw new StudentException(
                StudentFault.NotAStudent,
                $"{name} has no '{RecordKey}' in its metadata, so that nothing says what it takes. Export the student by 'kd export'."
            );
        try
        {
            using var record = JsonDocument.Parse(text);
            using var graph = metadata.TryGetValue(GraphKey, out var kind) ? JsonDocument.Parse(kind) : null;
            return Read(record.RootElement, name) with
            {
                TakesPixels = graph is not null && graph.RootElement.GetProperty("input").GetString() == "uint8 NHWC",
            };
        }
        catch (Exception e)
            when (e
                    is JsonException
                        or InvalidOperationException
                        or KeyNotFoundException
                        or FormatException
                        or OverflowException
            )
        {
            throw new StudentException(
                StudentFault.NotAStudent,
                $"The metadata of {name} cannot be read ({e.Message}). Export the student again by 'kd export'.",
                e
            );
        }
    }

    private static StudentCard Read(JsonElement record, string name)
    {
        var input = record.GetProperty("input");
        var taken = record.GetProperty("network_input").EnumerateArray().Select(d => d.GetInt64()).ToArray();
        if (input.GetProperty("kind").GetString() != "image")
            throw new StudentException(
                StudentFault.NotAStudent,
                $"{name} is of a network that takes no images, and only such networks can be used here."
            );
        int Number(string of) => input.GetProperty(of).GetInt32();
        var (channels, height, width) = (Number("channels"), Number("height"), Number("width"));
        long[] shape = [channels, height, width];
        var classes = record.GetProperty("outputs").GetInt32();
        if (channels is not (1 or 3) || height < 1 || width < 1 || classes < 1)
            throw new StudentException(
                StudentFault.NotAStudent,
                $"{name} takes images of {channels} channels and {width}x{height} pixels and has {classes} classes. Images of 1 or 3 channels can be used here."
            );
        if (!record.TryGetProperty("normalisation", out var normalisation) || !taken.SequenceEqual(shape))
            throw new StudentException(
                StudentFault.PreprocessingUnknown,
                $"What evaluations did to images before the network of {name} is no (x - mean) / std, and cannot be done here. Prepare the images yourself, by what '{RecordKey}' says under \"preprocessing\"."
            );
        var names = record.GetProperty("class_names").EnumerateArray().Select(n => n.GetString()!).ToArray();
        return new()
        {
            Channels = channels,
            Height = height,
            Width = width,
            ClassNames =
                names.Length == classes
                    ? names
                    :
                    [
                        .. Enumerable
                            .Range(0, classes)
                            .Select(i => i.ToString(System.Globalization.CultureInfo.InvariantCulture)),
                    ],
            Resize = input.TryGetProperty("resize", out var resize) ? resize.GetString()! : "",
            Mean = Floats(normalisation.GetProperty("mean"), channels),
            Std = Floats(normalisation.GetProperty("std"), channels),
        };
    }

    private static float[] Floats(JsonElement numbers, int count)
    {
        var values = numbers.EnumerateArray().Select(v => v.GetSingle()).ToArray();
        return values.Length == count
            ? values
            : throw new FormatException($"{values.Length} numbers of normalisation for {count} channels");
    }
}
