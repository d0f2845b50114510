using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Testing;

/// <summary>What a data set says of itself, without a look at samples.</summary>
internal static class DatasetInfoCheck
{
    /// <exception cref="ConformanceException">What does not fit together.</exception>
    internal static void Verify(IDataset data)
    {
        if (Problem(data.Info) is { } problem)
            throw new ConformanceException(problem);
    }

    private static string? Problem(DataInfo info)
    {
        if (info is null)
            return "its Info is null.";
        if (info.InputShape.Count == 0 || info.InputShape.Any(n => n < 1 && n != -1))
            return $"its InputShape is {TensorText.Shape([.. info.InputShape])}; it is without the batch dimension, such as [3, 32, 32].";
        if (info.Kind == InputKind.Image && info.InputShape.Count != 3)
            return $"its images are {TensorText.Shape([.. info.InputShape])}; [channels, height, width] is expected.";
        if (info.Target is TargetKind.ClassIndex or TargetKind.ClassMap or TargetKind.Soft && info.Classes < 2)
            return $"its targets are classes, and Classes is {info.Classes}; at least 2 are needed.";
        if (info.ClassNames.Count != 0 && info.ClassNames.Count != info.Classes)
            return $"it has {info.ClassNames.Count} ClassNames for {info.Classes} classes; one each, or none.";
        if (info.Kind == InputKind.Tokens)
            return info.Vocabulary.Count > 0 ? null : "its inputs are tokens, and its Vocabulary is empty.";
        if (info.Mean.Count != info.Std.Count || info.Mean.Count != 0 && info.Mean.Count != info.InputShape[0])
            return $"it has {info.Mean.Count} means and {info.Std.Count} deviations for {info.InputShape[0]} channels; one each, or none.";
        return info.Mean.All(m => m is >= 0 and <= 1) && info.Std.All(d => d is > 0 and <= 1)
            ? null
            : $"its mean and deviation are {new ChannelStatistics(info.Mean, info.Std)}; they are of values in [0, 1], not of 0 to 255.";
    }
}
