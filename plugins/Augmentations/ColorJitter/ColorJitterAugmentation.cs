using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>Changes brightness, contrast, saturation and hue by random factors, in a random order, image by image.</summary>
[KdAugmentation("color-jitter", Description = "Random brightness, contrast, saturation and hue, for values in [0, 1]")]
public sealed class ColorJitterAugmentation : Augmentation<ColorJitterOptions>
{
    private const string Id = "color-jitter";
    private const int Kinds = 4;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: the images have neither one nor three channels.</exception>
    public override IReadOnlyList<long> OutputShape(IReadOnlyList<long> inputShape) =>
        ImageBatch.RequireColours(inputShape, Id);

    /// <inheritdoc/>
    public override Batch Apply(Batch batch, IPartContext context)
    {
        ImageBatch.ColourSizes(batch, Id);
        Drawn[] drawn = [.. Draws.PerSample(context.Random, batch.Indices).Select(Draw)];
        var images = batch.Input;
        for (var place = 0; place < Kinds; place++)
        for (var kind = 0; kind < Kinds; kind++)
            if (IsOn(kind))
                images = Rows.Change(
                    images,
                    [.. drawn.Select(d => d.Changed && d.Order[place] == kind)],
                    (some, rows) => Change(some, kind, [.. rows.Select(r => drawn[r].Factors[kind])])
                );
        var count = drawn.Length;
        return batch
            .WithInput(images)
            .WithParameter($"{Id}.changed", tensor(drawn.Select(d => d.Changed).ToArray()))
            .WithParameter($"{Id}.order", tensor(drawn.SelectMany(d => d.Order).ToArray()).view(count, Kinds))
            .WithParameter($"{Id}.factors", tensor(drawn.SelectMany(d => d.Factors).ToArray()).view(count, Kinds));
    }

    private Drawn Draw(RandomKey key)
    {
        double Factor(string name, double most) =>
            Math.Max(0, 1 - most) + Draws.Unit(key.Derive(name)) * (1 + most - Math.Max(0, 1 - most));
        long[] order = [0, 1, 2, 3];
        new SeededRandom(key.Derive("order").Value).Shuffle<long>(order);
        return new(
            Draws.Unit(key.Derive("apply")) < Options.Probability,
            order,
            [
                Factor("brightness", Options.Brightness),
                Factor("contrast", Options.Contrast),
                Factor("saturation", Options.Saturation),
                Draws.Even(key.Derive("hue"), Options.Hue),
            ]
        );
    }

    private bool IsOn(int kind) =>
        (
            kind switch
            {
                0 => Options.Brightness,
                1 => Options.Contrast,
                2 => Options.Saturation,
                _ => Options.Hue,
            }
        ) > 0;

    private static Tensor Change(Tensor images, int kind, double[] factors) =>
        kind switch
        {
            0 => ColourOps.Brightness(images, factors),
            1 => ColourOps.Contrast(images, factors),
            2 => ColourOps.Saturation(images, factors),
            _ => ColourOps.Hue(images, factors),
        };

    // Order: which of brightness, contrast, saturation and hue comes first, second, ...; factors in that fixed order.
    private readonly record struct Drawn(bool Changed, long[] Order, double[] Factors);
}
