using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

/// <summary>Accuracy and mean cross-entropy of classes.</summary>
[KdMeter("kit-accuracy", Description = "For tests: accuracy and loss of classes")]
internal sealed class KitAccuracy : Meter<NoOptions>
{
    /// <inheritdoc/>
    public override IReadOnlyCollection<TargetKind> Targets => [TargetKind.ClassIndex];

    /// <inheritdoc/>
    public override IReadOnlyList<MeterValue> Values { get; } =
    [new("accuracy", MeterValue.Share, true), new("loss", "nats", false)];

    /// <inheritdoc/>
    public override IMeasurement Begin(MeterBinding binding) => new Sums(binding.Device);

    private sealed class Sums(Device device) : IMeasurement
    {
        // Right answers and the summed loss.
        private readonly Tensor _sums = zeros([2], ScalarType.Float64, device);
        private long _samples;

        public void Add(ModelOutput output, Batch batch)
        {
            var labels = TargetReader.As<ClassIndexTarget>(batch.Target, "Meter 'kit-accuracy'").Labels;
            var loss = nn.functional.cross_entropy(output.Logits, labels, reduction: nn.Reduction.Sum);
            var right = output.Logits.argmax(1).eq(labels).sum();
            _sums.add_(stack([right.to_type(ScalarType.Float64), loss.to_type(ScalarType.Float64)]));
            _samples += labels.shape[0];
        }

        public MeterReading Read()
        {
            var sums = _sums.cpu().data<double>().ToArray();
            return new(
                new Dictionary<string, double> { ["accuracy"] = sums[0] / _samples, ["loss"] = sums[1] / _samples },
                []
            );
        }

        public void Dispose() => _sums.Dispose();
    }
}
