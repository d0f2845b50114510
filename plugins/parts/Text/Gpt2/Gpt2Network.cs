using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Text;

/// <summary>GPT-2 in a role. Taps: <c>h.0</c>, <c>h.1</c>, ..., what each block gives, <c>[L, width]</c>.</summary>
public sealed class Gpt2Network : ICausalLanguageModel
{
    private readonly Gpt2Module _net;
    private readonly Gpt2Options _options;
    private readonly Asker _asker;

    internal Gpt2Network(Gpt2Options options, long vocabulary, IReadOnlyList<long> input, Asker asker)
    {
        (_options, _asker, _net) = (options, asker, new(options, vocabulary));
        var taps = Enumerable.Range(0, options.Layers).Select(i => new Tap(TapOf(i), [-1, options.Width], true));
        Shape = new(input, vocabulary, 0, [.. taps]);
    }

    /// <inheritdoc/>
    public nn.Module Module => _net;

    /// <inheritdoc/>
    public NetworkShape Shape { get; }

    /// <inheritdoc/>
    public long Positions => _options.Positions;

    /// <inheritdoc/>
    /// <remarks>
    /// A token that the mask hides is seen by none but itself, and takes no place: a text gives the same wherever a row is filled up.
    /// </remarks>
    /// <exception cref="KdException"><c>KDP0303</c>: the texts are longer than its positions, or no <c>[B, L]</c>.</exception>
    public ModelOutput Forward(Tensor input, Tensor? mask, IReadOnlyCollection<string>? taps)
    {
        foreach (var tap in taps ?? [])
            Shape.Tap(tap);
        Require(input);
        RequireLength(input.shape[1]);
        var features = new Dictionary<string, Tensor>();
        void Keep(int block, Tensor value)
        {
            if (taps?.Contains(TapOf(block)) == true)
                features[TapOf(block)] = value;
        }
        var (places, sees) = Seen(input, mask);
        return new(_net.Head(_net.transformer.Run(input, places, sees, null, Keep)), null, features);
    }

    /// <inheritdoc/>
    public IDisposable NewCache(long sequences) =>
        new KeyValueCache(_options.Layers, sequences, Positions, _net.transformer.Tokens.device);

    /// <inheritdoc/>
    public Tensor Append(Tensor ids, Tensor? mask, IDisposable cache)
    {
        Require(ids);
        var kept = (KeyValueCache)cache;
        using var scope = NewDisposeScope();
        var (count, length) = (ids.shape[0], ids.shape[1]);
        var steps = arange(length, ScalarType.Int64, ids.device);
        var before = kept.Lengths.unsqueeze(1);
        var added = mask is null ? full_like(kept.Lengths, length) : mask.sum(1);
        var lengths = kept.Lengths + added;
        var until = Math.Max(1, lengths.max().item<long>());
        RequireLength(until);
        kept.Reserve(until);
        // What fills a row up goes behind all places, where nobody looks.
        var fills = steps.unsqueeze(0) >= added.unsqueeze(1);
        var at = (before + steps).masked_fill(fills, kept.Places);
        var places = (before + steps).clamp(0, Positions - 1);
        var keys = arange(until, ScalarType.Int64, ids.device);
        var sees = (keys.view(1, 1, 1, until) <= places.view(count, 1, length, 1));
        var x = _net.transformer.Run(ids, places, sees, (i, k, v) => kept.Put(i, k, v, at, until), null);
        var logits = _net.Head(x);
        kept.Set(lengths);
        return logits.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Truncate(IDisposable cache, Tensor lengths)
    {
        var kept = (KeyValueCache)cache;
        using var scope = NewDisposeScope();
        kept.Set(kept.Lengths.minimum(lengths));
    }

    private static string TapOf(int block) => $"h.{block}";

    private static (Tensor Places, Tensor? Sees) Seen(Tensor input, Tensor? mask)
    {
        var length = input.shape[1];
        if (mask is null)
            return (arange(length, ScalarType.Int64, input.device), null);
        var causal = ones([length, length], dtype: ScalarType.Bool, device: input.device).tril();
        var itself = eye(length, dtype: ScalarType.Bool, device: input.device);
        var sees = (causal & mask.view(-1, 1, 1, length)) | itself;
        return ((mask.to(ScalarType.Int64).cumsum(1) - 1).clamp_min(0), sees);
    }

    private void RequireLength(long length)
    {
        if (length > Positions)
            throw _asker.WrongShape(
                $"takes texts of at most {Positions} tokens, got one of {length}.",
                "Raise \"positions\", or take shorter texts."
            );
    }

    private void Require(Tensor ids)
    {
        if (ids.dim() != 2 || ids.dtype != ScalarType.Int64)
            throw _asker.WrongShape($"needs token ids Int64[batch, length], got {TensorText.Describe(ids)}.");
    }
}
