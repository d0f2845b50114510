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
    private const int Kinds = 4;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: the images have neither one nor three channels.</exception>
    public override IReadOnlyList<long> OutputShape(IReadOnlyList<long> inputShape) =>
        ImageBatch.RequireColours(inputShape, Asker);

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0330</c>: values that are not in [0, 1].</exception>
    public override ValueRange OutputRange(ValueRange inputRange) => ImageBatch.RequireUnit(inputRange, Asker);

    /// <inheritdoc/>
    public override bool IsSampleWise => true;

    /// <inheritdoc/>
    public override Batch Apply(Batch batch, IPartContext context)
    {
        var (count, _, _, _) = ImageBatch.ColourSizes(batch, Asker);
        var keys = Draws.PerSample(context.Random, batch.Indices);
        var changed = GivenDraws.Flags(
            context,
            $"{Asker.Id}.changed",
            [count],
            () => [.. keys.Select(k => Draws.Unit(k.Derive("apply")) < Options.Probability)]
        );
        var order = GivenDraws.Integers(
            context,
            $"{Asker.Id}.order",
            [count, Kinds],
            [(0, Kinds - 1)],
            () => [.. keys.SelectMany(Order)]
        );
        if (order.Chunk(Kinds).Any(row => row.Distinct().Count() < Kinds))
            throw GivenDraws.Unfit($"{Asker.Id}.order", "has a row that does not name each of 0 to 3 once.");
        var factors = GivenDraws.Reals(
            context,
            $"{Asker.Id}.factors",
            [count, Kinds],
            [.. Enumerable.Range(0, Kinds).Select(Range)],
            () => [.. keys.SelectMany(Factors)]
        );
        var images = batch.Input;
        for (var place = 0; place < Kinds; place++)
        for (var kind = 0; kind < Kinds; kind++)
            if (Strength(kind) > 0)
                images = Rows.Change(
                    images,
                    [.. changed.Select((on, i) => on && order[i * Kinds + place] == kind)],
                    (some, rows) => Change(some, kind, [.. rows.Select(r => factors[r * Kinds + kind])])
                );
        return batch
            .WithInput(images)
            .WithParameter($"{Asker.Id}.changed", tensor(changed))
            .WithParameter($"{Asker.Id}.order", tensor(order).view(count, Kinds))
            .WithParameter($"{Asker.Id}.factors", tensor(factors).view(count, Kinds));
    }

    // Which of brightness, contrast, saturation and hue comes first, second, ...
    private static long[] Order(RandomKey key)
    {
        long[] order = [0, 1, 2, 3];
        new SeededRandom(key.Derive("order").Value).Shuffle<long>(order);
        return order;
    }

    // Of brightness, contrast, saturation and hue.
    private double[] Factors(RandomKey key)
    {
        double Factor(string name, int kind)
        {
            var (least, most) = Range(kind);
            return least + Draws.Unit(key.Derive(name)) * (most - least);
        }
        return
        [
            Factor("brightness", 0),
            Factor("contrast", 1),
            Factor("saturation", 2),
            Draws.Even(key.Derive("hue"), Options.Hue),
        ];
    }

    private (double Least, double Most) Range(int kind)
    {
        var strength = Strength(kind);
        return kind == Kinds - 1 ? (-strength, strength) : (Math.Max(0, 1 - strength), 1 + strength);
    }

    private double Strength(int kind) =>
        kind switch
        {
            0 => Options.Brightness,
            1 => Options.Contrast,
            2 => Options.Saturation,
            _ => Options.Hue,
        };

    private static Tensor Change(Tensor images, int kind, double[] factors) =>
        kind switch
        {
            0 => ColourOps.Brightness(images, factors),
            1 => ColourOps.Contrast(images, factors),
            2 => ColourOps.Saturation(images, factors),
            _ => ColourOps.Hue(images, factors),
        };
}
