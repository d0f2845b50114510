using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>Changes every image with a probability, independently of the others. Targets stay.</summary>
/// <typeparam name="TOptions">The augmentation's options.</typeparam>
public abstract class ChanceAugmentation<TOptions> : Augmentation<TOptions>
    where TOptions : ChanceOptions, new()
{
    /// <summary>What is drawn for an image beside the choice; null for nothing.</summary>
    private protected virtual DrawnAmount? Amount => null;

    /// <summary>The chosen images [N, 1 or 3, H, W] changed, each by its amount (0 where none is drawn).</summary>
    private protected abstract Tensor Change(Tensor images, double[] amounts);

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
    /// <exception cref="KdException"><c>KDP0303</c>: no images of one or three channels.</exception>
    public override Batch Apply(Batch batch, IPartContext context)
    {
        var (count, _, _, _) = ImageBatch.ColourSizes(batch, Asker);
        OutputShape([.. batch.Input.shape[1..]]);
        var keys = Draws.PerSample(context.Random, batch.Indices);
        var changed = GivenDraws.Flags(
            context,
            $"{Asker.Id}.changed",
            [count],
            () => [.. keys.Select(k => Draws.Unit(k.Derive("apply")) < Options.Probability)]
        );
        var amounts = Amount is { } amount
            ? GivenDraws.Reals(
                context,
                $"{Asker.Id}.{amount.Name}",
                [count],
                [(amount.Least, amount.Most)],
                () => [.. keys.Select(amount.Of)]
            )
            : new double[count];
        var images = Rows.Change(batch.Input, changed, (some, rows) => Change(some, Rows.Of(amounts, rows)));
        var result = batch.WithInput(images).WithParameter($"{Asker.Id}.changed", tensor(changed));
        return Amount is { } drawn ? result.WithParameter($"{Asker.Id}.{drawn.Name}", tensor(amounts)) : result;
    }
}

/// <summary>A number that an augmentation draws for every image.</summary>
/// <param name="Name">The name that it is recorded under.</param>
/// <param name="Least">The smallest that can be drawn.</param>
/// <param name="Most">The largest.</param>
/// <param name="Of">Draws it.</param>
internal readonly record struct DrawnAmount(string Name, double Least, double Most, Func<RandomKey, double> Of);
