using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>Shows every image through an affine map of its own. Targets stay, so those with places in it are refused.</summary>
/// <typeparam name="TOptions">The augmentation's options.</typeparam>
public abstract class GeometryAugmentation<TOptions> : Augmentation<TOptions>
    where TOptions : GeometryOptions, new()
{
    /// <summary>The name that what is drawn is recorded under.</summary>
    private protected abstract string Drawn { get; }

    /// <summary>The numbers of one image.</summary>
    private protected abstract double[] Draw(RandomKey key, long height, long width);

    /// <summary>What each of them can be.</summary>
    private protected abstract (double Least, double Most)[] Ranges(long height, long width);

    /// <summary>The map that they mean.</summary>
    private protected abstract AffineMap Map(double[] drawn);

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0306</c>: boxes or class maps, which would not follow.</exception>
    public override void Bind(DataInfo data) => ImageBatch.RefusePlaces(data, Asker);

    /// <inheritdoc/>
    public override ValueRange OutputRange(ValueRange inputRange) => inputRange;

    /// <inheritdoc/>
    public override bool IsSampleWise => true;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: the input is not a batch of images.</exception>
    public override Batch Apply(Batch batch, IPartContext context)
    {
        var (count, _, height, width) = Asker.RequireImages(batch);
        var ranges = Ranges(height, width);
        var drawn = GivenDraws.Reals(
            context,
            $"{Asker.Id}.{Drawn}",
            [count, ranges.Length],
            ranges,
            () => [.. Draws.PerSample(context.Random, batch.Indices).SelectMany(key => Draw(key, height, width))]
        );
        AffineMap[] maps = [.. drawn.Chunk(ranges.Length).Select(Map)];
        return batch
            .WithInput(GeometryOps.Affine(batch.Input, maps, Options.Bilinear, Options.FillValue))
            .WithParameter($"{Asker.Id}.{Drawn}", tensor(drawn).view(count, -1));
    }
}
