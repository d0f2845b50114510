using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>What a network gives to a loss: its logits and the features it was tapped for.</summary>
/// <param name="Logits">Class scores, <c>[batch, classes]</c>.</param>
/// <param name="Pooled">The penultimate vector, <c>[batch, channels]</c>.</param>
/// <param name="Features">The taps that were asked for by name; the network gives names and shapes.</param>
public sealed record FeatureOutput(Tensor Logits, Tensor Pooled, IReadOnlyDictionary<string, Tensor> Features);
