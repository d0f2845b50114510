using System.Globalization;
using KdPlugins.Core;

namespace KdPlugins.Host.Runs;

/// <summary>Parts of the lines about a run.</summary>
internal static class RunText
{
    /// <summary>Epoch and step: "epoch 3/10, step 141/470", or the step alone where an epoch means nothing.</summary>
    internal static string Position(Progress progress)
    {
        var steps = $"step {progress.Step}/{progress.TotalSteps}";
        if (progress.StepsPerEpoch <= 1)
            return steps;
        var epoch = (progress.Step + progress.StepsPerEpoch - 1) / progress.StepsPerEpoch;
        return $"epoch {Math.Max(1, epoch)}/{progress.TotalEpochs}, {steps}";
    }

    internal static string Rate(double imagesPerSecond) =>
        string.Create(CultureInfo.InvariantCulture, $"{imagesPerSecond:0} images/s");

    internal static string Duration(TimeSpan time) =>
        time.TotalHours >= 1
            ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}")
            : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:00}");

    /// <summary>Metrics of an evaluation, what says most first: shares in per cent, the rest as they are.</summary>
    internal static string Metrics(Evaluation evaluation) =>
        string.Join(
            ", ",
            evaluation
                .Measures.Skip(1)
                .OrderBy(m => m.Value.Name, StringComparer.Ordinal)
                .Prepend(evaluation.Measures[0])
                .Select(m => $"{m.Value.Name} {Metric(m)}")
        );

    internal static string Metric(Measure measure) =>
        Measures.Text(measure.Value.Unit == MeterValue.Share, measure.Number);

    internal static string Loss(IReadOnlyDictionary<string, double>? values) =>
        values is not null && values.TryGetValue("loss", out var loss)
            ? string.Create(CultureInfo.InvariantCulture, $"loss {loss:0.####}")
            : "";
}
