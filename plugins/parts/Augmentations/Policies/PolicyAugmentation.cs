using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>
/// Changes every image by a few operations of its own choice. What a class says how they are drawn; targets stay, so those
/// that have a place in the image are refused.
/// </summary>
/// <typeparam name="TOptions">See <see cref="Plugin{TOptions}"/>.</typeparam>
public abstract class PolicyAugmentation<TOptions> : Augmentation<TOptions>
    where TOptions : PolicyOptions, new()
{
    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0306</c>: boxes or class maps, which would not follow.</exception>
    public override void Bind(DataInfo data) => ImageBatch.RefusePlaces(data, Asker);

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
        var (count, _, height, width) = ImageBatch.ColourSizes(batch, Asker);
        Move[][] moves = [.. Draws.PerSample(context.Random, batch.Indices).Select(key => Draw(key, height, width))];
        var length = moves.Length == 0 ? 0 : moves[0].Length;
        var kinds = GivenDraws.Integers(
            context,
            $"{Asker.Id}.operations",
            [count, length],
            [(0, (long)Operation.Invert)],
            () => [.. moves.SelectMany(m => m.Select(one => (long)one.Kind))]
        );
        var magnitudes = GivenDraws.Reals(
            context,
            $"{Asker.Id}.magnitudes",
            [count, length],
            [.. kinds.Select(kind => Magnitudes.Range((Operation)kind))],
            () => [.. moves.SelectMany(m => m.Select(one => one.Magnitude))]
        );
        var images = batch.Input;
        for (var i = 0; i < length; i++)
        {
            Move Of(int sample) => new((Operation)kinds[sample * length + i], magnitudes[sample * length + i]);
            Move[] all = [.. Enumerable.Range(0, (int)count).Select(Of)];
            images = Operations.Apply(images, all, Options.Bilinear, Options.FillValue);
        }
        return batch
            .WithInput(images)
            .WithParameter($"{Asker.Id}.operations", tensor(kinds).view(count, length))
            .WithParameter($"{Asker.Id}.magnitudes", tensor(magnitudes).view(count, length));
    }

    /// <summary>What happens to one image, in order; as many operations for every image.</summary>
    private protected abstract Move[] Draw(RandomKey key, long height, long width);
}
