using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace MeterPlugin;

/// <summary>Sequences of which every word that counts is right.</summary>
[KdMeter("exact-match", Description = "Sequences without a wrong word.")]
public sealed class ExactMatchMeter : Meter<NoOptions>
{
    /// <inheritdoc/>
    public override IReadOnlyCollection<TargetKind> Targets => [TargetKind.Tokens];

    /// <inheritdoc/>
    public override IReadOnlyList<MeterValue> Values { get; } =
    [new("exact-match", MeterValue.Share, true), new("wrong-sequences", "sequences", false)];

    /// <inheritdoc/>
    public override IMeasurement Begin(MeterBinding binding) => new Measurement(binding.Device);

    private sealed class Measurement(Device device) : IMeasurement
    {
        private readonly Tensor _right = zeros([], ScalarType.Int64, device);
        private long _all;

        public void Add(ModelOutput output, Batch batch)
        {
            var target = TargetReader.As<TokenTarget>(batch.Target, "Meter 'exact-match'");
            var right = output.Logits.argmax(2).eq(target.Ids).logical_or(target.Mask.logical_not());
            _right.add_(right.all(1).sum());
            _all += target.Count;
        }

        public MeterReading Read()
        {
            var right = _right.item<long>();
            return new(
                new Dictionary<string, double>
                {
                    ["exact-match"] = (double)right / _all,
                    ["wrong-sequences"] = _all - right,
                },
                []
            );
        }

        public void Dispose() => _right.Dispose();
    }
}
