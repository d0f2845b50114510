using System.Globalization;
using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Text;

/// <summary>
/// Answers to prompts: the share that is right as a whole, the share of right tokens, and bits per character. A network that writes its likeliest
/// tokens writes an answer right exactly where each of its tokens is the likeliest behind the right ones before it, so one pass tells.
/// </summary>
[KdMeter("text", Description = "Answers that are right as a whole, right tokens, bits per character")]
public sealed class TextMeter : Meter<NoOptions>
{
    /// <inheritdoc/>
    public override IReadOnlyCollection<TargetKind> Targets => [TargetKind.Tokens];

    /// <inheritdoc/>
    public override bool IsDefault => false;

    /// <inheritdoc/>
    public override IReadOnlyList<MeterValue> Values { get; } =
    [
        new("exact-match", MeterValue.Share, true),
        new("token-accuracy", MeterValue.Share, true),
        new("bits-per-character", "bits", false),
    ];

    /// <summary>The token accuracy: of long texts none is right as a whole.</summary>
    public override string Chooser => "token-accuracy";

    /// <inheritdoc/>
    public override IMeasurement Begin(MeterBinding binding) => new Measurement(binding, Asker);

    /// <summary>The characters that begin in a token; the end has none.</summary>
    internal static int Characters(string token, bool isEnd)
    {
        if (isEnd)
            return 0;
        if (!IsBytes(token))
            return token.EnumerateRunes().Count();
        // Bytes of UTF-8 that only go on with a character begin with the bits 10.
        var values = token
            .Split('<', '>')
            .Where(p => p.Length > 0)
            .Select(p => byte.Parse(p.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        return values.Count(b => (b & 0xC0) != 0x80);
    }

    private static bool IsBytes(string token) =>
        token.Length > 0
        && token.Length % 6 == 0
        && token
            .Chunk(6)
            .All(c => c is ['<', '0', 'x', var a, var b, '>'] && char.IsAsciiHexDigit(a) && char.IsAsciiHexDigit(b));

    private sealed class Measurement : IMeasurement
    {
        private readonly Asker _asker;
        private readonly long _classes;
        private readonly Tensor _characters;
        private readonly Tensor _sums;
        private readonly Tensor _bad;

        internal Measurement(MeterBinding binding, Asker asker)
        {
            (_asker, _classes) = (asker, binding.Network.Shape.Classes);
            var lengths = new double[_classes];
            for (var i = 0; i < Math.Min(_classes, binding.Data.Vocabulary.Count); i++)
                lengths[i] = Characters(binding.Data.Vocabulary[i], i == binding.Data.EndToken);
            _characters = tensor(lengths, ScalarType.Float64, binding.Device);
            // Texts, right ones, tokens, right ones, nats, characters.
            _sums = zeros(6, ScalarType.Float64, binding.Device);
            _bad = zeros([], ScalarType.Int64, binding.Device);
        }

        public void Add(ModelOutput output, Batch batch)
        {
            var target = TargetReader.As<TokenTarget>(batch.Target, $"{_asker}");
            if (!output.Logits.shape.AsSpan().SequenceEqual([.. target.Ids.shape, _classes]))
                throw _asker.WrongShape(
                    $"needs logits {TensorText.Shape([.. target.Ids.shape, _classes])}, got {TensorText.Shape(output.Logits.shape)}."
                );
            var counts = target.Mask;
            var outside = (target.Ids < 0).logical_or(target.Ids >= _classes).logical_and(counts);
            _bad.copy_(maximum(_bad, outside.sum()));
            var ids = target.Ids.clamp(0, _classes - 1);
            var right = output.Logits.argmax(2).eq(ids);
            var nats = -output.Logits.log_softmax(2).gather(2, ids.unsqueeze(2)).squeeze(2).to(ScalarType.Float64);
            var whole = right.logical_or(counts.logical_not()).all(1);
            var any = counts.any(1);
            _sums.add_(
                stack([
                    any.sum().to(ScalarType.Float64),
                    whole.logical_and(any).sum().to(ScalarType.Float64),
                    counts.sum().to(ScalarType.Float64),
                    right.logical_and(counts).sum().to(ScalarType.Float64),
                    nats.masked_fill(counts.logical_not(), 0).sum(),
                    _characters.index_select(0, ids.flatten()).view_as(ids).masked_fill(counts.logical_not(), 0).sum(),
                ])
            );
        }

        /// <exception cref="KdException"><c>KDP0375</c>: a token is none of the vocabulary.</exception>
        public MeterReading Read()
        {
            if (_bad.item<long>() > 0)
                throw _asker.Refusal(CoreErrors.NoClass, $"met a token that is none of the network's {_classes}.");
            var s = _sums.cpu().data<double>().ToArray();
            return new(
                new Dictionary<string, double>
                {
                    ["exact-match"] = s[1] / Math.Max(1, s[0]),
                    ["token-accuracy"] = s[3] / Math.Max(1, s[2]),
                    ["bits-per-character"] = s[4] / Math.Log(2) / Math.Max(1, s[5]),
                },
                []
            );
        }

        public void Dispose()
        {
            _characters.Dispose();
            _sums.Dispose();
            _bad.Dispose();
        }
    }
}
