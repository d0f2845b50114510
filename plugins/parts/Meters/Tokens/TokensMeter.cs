using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Meters;

/// <summary>
/// Token sequences, the logits at a position being for the target there: mean cross-entropy of the tokens that count, and
/// perplexity, its exponential.
/// </summary>
[KdMeter("tokens", Description = "Perplexity and loss of token sequences")]
public sealed class TokensMeter : Meter<NoOptions>
{
    /// <inheritdoc/>
    public override IReadOnlyCollection<TargetKind> Targets => [TargetKind.Tokens];

    /// <inheritdoc/>
    public override bool IsDefault => true;

    /// <inheritdoc/>
    public override IReadOnlyList<MeterValue> Values { get; } =
    [new("perplexity", "", false), new("loss", "nats", false)];

    /// <summary>The loss, which tells more states apart than its rounded exponential.</summary>
    public override string Chooser => "loss";

    /// <inheritdoc/>
    public override IMeasurement Begin(MeterBinding binding) => new Measurement(binding, Asker);

    private sealed class Measurement(MeterBinding binding, Asker asker) : IMeasurement
    {
        private readonly long _classes = binding.Network.Shape.Classes;
        private readonly LabelRange _labels = new(asker, binding.Network.Shape.Classes, binding.Device);
        private readonly Tensor _tokens = zeros([], ScalarType.Int64, binding.Device);
        private readonly Tensor _loss = zeros([], ScalarType.Float64, binding.Device);

        public void Add(ModelOutput output, Batch batch)
        {
            var target = TargetReader.As<TokenTarget>(batch.Target, $"{asker}");
            var ids = _labels.Take(target.Ids, target.Mask);
            Shapes.Require(asker, output.Logits, [.. ids.shape, _classes]);
            var each = nn.functional.cross_entropy(
                output.Logits.flatten(0, 1),
                ids.flatten(),
                reduction: nn.Reduction.None
            );
            var exact = each.to_type(ScalarType.Float64);
            _loss.add_(exact.where(target.Mask.flatten(), zeros_like(exact)).sum());
            _tokens.add_(target.Mask.sum());
        }

        /// <exception cref="KdException"><c>KDP0375</c>: a token is none of the vocabulary.</exception>
        public MeterReading Read()
        {
            _labels.Require();
            var loss = _loss.item<double>() / Math.Max(1, _tokens.item<long>());
            // A loss of more than 709 nats is finite, and its exponential no double.
            var perplexity = double.IsFinite(loss) ? Math.Exp(Math.Min(loss, 709)) : loss;
            return new(new Dictionary<string, double> { ["perplexity"] = perplexity, ["loss"] = loss }, []);
        }

        public void Dispose()
        {
            _labels.Dispose();
            _tokens.Dispose();
            _loss.Dispose();
        }
    }
}
