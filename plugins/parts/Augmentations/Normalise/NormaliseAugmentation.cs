using System.Globalization;
using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>Brings every channel to mean 0 and deviation 1: (x - mean) / std. Belongs to evaluations too.</summary>
[KdAugmentation("normalise", Description = "Subtracts the mean and divides by the deviation, per channel")]
public sealed class NormaliseAugmentation : Augmentation<NormaliseOptions>
{
    private PixelSpace? _space;

    /// <inheritdoc/>
    public override bool InEvaluation => true;

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0306</c>: neither the options nor the data set say mean and deviation, or a deviation is not above 0;
    /// <c>KDP0303</c>: they are not as many as the channels.
    /// </exception>
    public override void Bind(DataInfo data)
    {
        var (mean, std) = (Choose(Options.Mean, data.Mean, "mean"), Choose(Options.Std, data.Std, "std"));
        var channels = data.InputShape.Count == 3 ? data.InputShape[0] : 0;
        if (mean.Length != channels || std.Length != channels)
            throw Asker.WrongShape(
                $"has {mean.Length} means and {std.Length} deviations for inputs {TensorText.Shape([.. data.InputShape])}.",
                "Give one number per channel."
            );
        if (std.Any(s => !(s > 0)))
            throw Asker.WrongCombination($"divides by \"std\", which has to be above 0, got {string.Join(", ", std)}.");
        _space = new(mean, std);
    }

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0330</c>: the values are not in [0, 1], as after another normalising, or mean and deviation cannot be those of
    /// such values.
    /// </exception>
    public override ValueRange OutputRange(ValueRange inputRange)
    {
        if (!inputRange.IsKnown)
            return ValueRange.Unknown;
        inputRange.RequireUnit($"{Asker}");
        var space = Asker.Bound(_space);
        // No value in [0, 1] deviates by more than 1 from any mean of them.
        if (space.Mean.Any(m => m is < 0 or > 1) || space.Std.Any(s => s > 1))
            throw Asker.Refusal(
                CoreErrors.ValueRange,
                $"has mean {Text(space.Mean)} and std {Text(space.Std)}, and its values lie in [0, 1].",
                $"Divide both by 255 where they are of the scale 0 to 255: mean {Text(space.Mean, 255)}, std {Text(space.Std, 255)}."
            );
        return space.Range;
    }

    /// <inheritdoc/>
    public override bool IsSampleWise => true;

    /// <inheritdoc/>
    public override Batch Apply(Batch batch, IPartContext context)
    {
        var (_, channels, _, _) = Asker.RequireImages(batch);
        var space = Asker.Bound(_space);
        if (channels != space.Mean.Count)
            throw Asker.WrongShape(
                $"has {space.Mean.Count} channels, the input is {TensorText.Describe(batch.Input)}."
            );
        return batch.WithInput(space.Normalise(batch.Input));
    }

    private static string Text(IReadOnlyList<double> values, double scale = 1) =>
        $"[{string.Join(", ", values.Select(v => (v / scale).ToString("0.####", CultureInfo.InvariantCulture)))}]";

    private double[] Choose(IReadOnlyList<double> given, IReadOnlyList<double> known, string name)
    {
        var values = given.Count > 0 ? given : known;
        return values.Count > 0
            ? [.. values]
            : throw Asker.WrongCombination(
                $"has no \"{name}\", and the data set does not know its own.",
                $"Set \"{name}\" in the options of '{Asker.Id}'."
            );
    }
}
