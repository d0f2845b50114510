namespace KdPlugins.Torch.Weights;

/// <summary>Builds the messages of this folder. Text from a file is quoted, cut, and freed of control characters.</summary>
internal static class WeightFault
{
    private const int LongestQuote = 120;

    public static KdException Of(ErrorCode code, string origin, string what, Exception? inner = null) =>
        new(code, $"{Quote(origin)}: {what}", inner: inner);

    public static KdException NotFound(IWeightSource source, string name) =>
        Of(
            WeightErrors.TensorNotFound,
            source.Origin,
            $"there is no tensor {Quote(name)} among its {source.Entries.Count}."
        );

    public static KdException TooLarge(string origin, WeightEntry entry) =>
        Of(
            WeightErrors.TensorTooLarge,
            origin,
            $"tensor {Quote(entry.Name)} has {entry.ByteLength} bytes; one span holds at most {int.MaxValue}."
        );

    /// <summary>The text in quotation marks, at most 120 characters of it, nothing that a terminal would act on.</summary>
    public static string Quote(string text)
    {
        bool isLong = text.Length > LongestQuote;
        return $"'{SafeText.Line(isLong ? text[..LongestQuote] : text).Replace('\t', '?')}{(isLong ? "..." : "")}'";
    }

    public static string Shape(IEnumerable<long> shape) => $"[{string.Join(", ", shape)}]";

    /// <summary>Refuses a range that is not inside the tensor or cuts an element.</summary>
    public static void CheckRange(WeightEntry entry, long start, int count)
    {
        int size = Math.Max(1, entry.DType.BitSize() / 8);
        bool inside = start >= 0 && start <= entry.ByteLength && count <= entry.ByteLength - start;
        if (!inside || start % size != 0 || count % size != 0)
        {
            throw new KdException(
                TorchErrors.BadArgument,
                $"Bytes {start} to {start + count} of tensor {Quote(entry.Name)} were asked for; "
                    + $"it has {entry.ByteLength} bytes in elements of {size}."
            );
        }
    }
}
