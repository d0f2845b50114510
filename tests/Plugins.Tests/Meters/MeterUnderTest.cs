using KdPlugins.Core;
using KdPlugins.Meters;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Meters;

/// <summary>A shipped meter on given answers, whole or cut into batches.</summary>
internal static class MeterUnderTest
{
    /// <summary>Answers and targets of some samples, as one batch.</summary>
    internal sealed record Answers(Tensor Logits, Target Target)
    {
        internal Answers Rows(params long[] rows)
        {
            using var picked = tensor(rows);
            return new(Logits.index_select(0, picked), Target.Select(picked));
        }
    }

    internal static Answers Classes(float[] logits, long[] labels, long classes) =>
        new(tensor(logits, [labels.Length, classes]), new ClassIndexTarget(tensor(labels)));

    internal static MeterReading Classify(long classes, params Answers[] batches) =>
        Read(new ClassificationMeter(), new ClassificationOptions(), classes, batches);

    internal static MeterReading Read(IMeter meter, object options, long classes, params Answers[] batches)
    {
        using var scope = NewDisposeScope();
        meter.Configure(options);
        var data = new DataInfo(InputKind.Image, [1, 1, 1], TargetKind.ClassIndex, classes, [], [], [], []);
        using var measurement = meter.Begin(new MeterBinding(Stubs.Network([1, 1, 1], classes), data, CPU));
        foreach (var batch in batches)
        {
            using var step = NewDisposeScope();
            var count = batch.Target.Count;
            measurement.Add(
                new ModelOutput(batch.Logits, null, new Dictionary<string, Tensor>()),
                new Batch(zeros([count, 1, 1, 1]), batch.Target, zeros([count], ScalarType.Int64))
            );
        }
        return measurement.Read();
    }

    internal static T Drawn<T>(this MeterReading reading)
        where T : Drawing => reading.Drawings.OfType<T>().Single();
}
