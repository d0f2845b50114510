using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.Authors.Tests.Faults;

// Meters with one mistake each that an author makes; the first has none.

public abstract class SmallMeter : Meter<NoOptions>
{
    public override IReadOnlyCollection<TargetKind> Targets => [TargetKind.ClassIndex];

    public override IReadOnlyList<MeterValue> Values => [new("right", MeterValue.Share, true)];

    public override IMeasurement Begin(MeterBinding binding) => new Sums(this);

    protected virtual void Add(Sums sums, Tensor right, Tensor logits)
    {
        sums.Right += right.sum().item<long>();
        sums.Count += right.shape[0];
    }

    protected virtual Dictionary<string, double> Read(Sums sums) => new() { ["right"] = sums.Right / sums.Count };

    public sealed class Sums(SmallMeter meter) : IMeasurement
    {
        public double Right { get; set; }
        public double Count { get; set; }

        public void Add(ModelOutput output, Batch batch) =>
            meter.Add(this, output.Logits.argmax(1).eq(((ClassIndexTarget)batch.Target).Labels), output.Logits);

        public MeterReading Read() => new(meter.Read(this), []);

        public void Dispose() { }
    }
}

[KdMeter("good-meter")]
public sealed class GoodMeter : SmallMeter;

[KdMeter("mean-of-means")]
public sealed class MeanOfMeansMeter : SmallMeter
{
    protected override void Add(Sums sums, Tensor right, Tensor logits)
    {
        sums.Right += right.to_type(ScalarType.Float64).mean().item<double>();
        sums.Count++;
    }
}

[KdMeter("last-row")]
public sealed class LastRowMeter : SmallMeter
{
    protected override void Add(Sums sums, Tensor right, Tensor logits) =>
        (sums.Right, sums.Count) = (logits[-1, 0].item<float>(), 1);
}

[KdMeter("unstated")]
public sealed class UnstatedMeter : SmallMeter
{
    protected override Dictionary<string, double> Read(Sums sums) =>
        new() { ["right"] = sums.Right / sums.Count, ["wrong"] = 1 - sums.Right / sums.Count };
}

[KdMeter("undivided")]
public sealed class NaNMeter : SmallMeter
{
    protected override Dictionary<string, double> Read(Sums sums) => new() { ["right"] = double.NaN };
}

[KdMeter("spoiling")]
public sealed class SpoilingMeter : SmallMeter
{
    protected override void Add(Sums sums, Tensor right, Tensor logits)
    {
        base.Add(sums, right, logits);
        logits.zero_();
    }
}

[KdMeter("two-names")]
public sealed class TwoNamesMeter : SmallMeter
{
    public override IReadOnlyList<MeterValue> Values => [new("right", MeterValue.Share, true), new("right", "", true)];
}

[KdMeter("strange-chooser")]
public sealed class StrangeChooserMeter : SmallMeter
{
    public override string Chooser => "accuracy";
}
