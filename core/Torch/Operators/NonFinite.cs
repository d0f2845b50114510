using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>A tensor with values that are NaN or infinite.</summary>
/// <param name="Name">The tensor's name.</param>
/// <param name="Count">How many of its values are not finite, at least 1.</param>
/// <param name="Of">How many values it has.</param>
public sealed record NonFiniteTensor(string Name, long Count, long Of)
{
    private const int Shown = 5;

    /// <summary>Such as <c>'fc.weight' (3 of 640 values)</c>.</summary>
    public override string ToString() => $"'{Name}' ({Count} of {Of} values)";

    /// <summary>Those of a list in words: the first five, and how many more there are.</summary>
    /// <param name="found">At least one.</param>
    public static string Describe(IReadOnlyCollection<NonFiniteTensor> found)
    {
        ArgumentNullException.ThrowIfNull(found);
        var more = found.Count - Shown;
        return string.Join(", ", found.Take(Shown)) + (more > 0 ? $" and {more} tensors more" : "");
    }
}

/// <summary>Looks for NaN and infinity.</summary>
public static class NonFinite
{
    /// <summary>Those of some tensors that hold NaN or infinity, in their order. Waits for the device of each.</summary>
    /// <param name="tensors">Of any dtype and device; they are only read.</param>
    public static IReadOnlyList<NonFiniteTensor> In(IEnumerable<KeyValuePair<string, Tensor>> tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        using var recordNothing = no_grad();
        var found = new List<NonFiniteTensor>();
        foreach (var (name, tensor) in tensors)
        {
            if (!tensor.is_floating_point() && !tensor.is_complex())
                continue;
            using var scope = NewDisposeScope();
            var finite = tensor.isfinite();
            if (!finite.all().item<bool>())
                found.Add(new(name, finite.logical_not().sum().item<long>(), tensor.numel()));
        }
        return found;
    }
}
