using KdPlugins.Core;
using KdPlugins.Sdk;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>
/// Covers squares whose centres lie anywhere in the image, so that holes at the edge are partly outside. Targets stay.
/// </summary>
[KdAugmentation(
    "cutout",
    Description = "Covers random squares of an image",
    Paper = "DeVries, Taylor: Improved Regularization of Convolutional Neural Networks with Cutout, 2017"
)]
public sealed class CutoutAugmentation : Augmentation<CutoutOptions>
{
    /// <inheritdoc/>
    public override ValueRange OutputRange(ValueRange inputRange) => inputRange;

    /// <inheritdoc/>
    public override bool IsSampleWise => true;

    /// <inheritdoc/>
    public override Batch Apply(Batch batch, IPartContext context)
    {
        var (count, _, height, width) = Asker.RequireImages(batch);
        var centres = GivenDraws.Integers(
            context,
            $"{Asker.Id}.centres",
            [count, Options.Holes, 2],
            [(0, height - 1), (0, width - 1)],
            () => Draw(Draws.PerSample(context.Random, batch.Indices), height, width)
        );
        var drawn = tensor(centres).view(count, Options.Holes, 2);
        var device = batch.Input.device;
        // bool [B, holes, H, 1] and [B, holes, 1, W]
        var onDevice = drawn.to(device);
        var rows = Covered(onDevice[.., .., 0], height, device).unsqueeze(3);
        var columns = Covered(onDevice[.., .., 1], width, device).unsqueeze(2);
        var holes = rows.logical_and(columns).any(1).unsqueeze(1);
        return batch
            .WithInput(batch.Input.masked_fill(holes, Options.FillValue))
            .WithParameter($"{Asker.Id}.centres", drawn);
    }

    private long[] Draw(RandomKey[] keys, long height, long width)
    {
        var centres = new long[keys.Length * Options.Holes * 2];
        for (var i = 0; i < centres.Length; i += 2)
        {
            var key = keys[i / 2 / Options.Holes].Derive(i / 2 % Options.Holes);
            centres[i] = Draws.Below(key.Derive("y"), height);
            centres[i + 1] = Draws.Below(key.Derive("x"), width);
        }
        return centres;
    }

    // From centre - size / 2 on, size pixels.
    private Tensor Covered(Tensor centres, long length, Device device)
    {
        var from = centres.sub(Options.Size / 2).unsqueeze(2);
        var places = arange(length, ScalarType.Int64, device);
        return places.ge(from).logical_and(places.lt(from.add(Options.Size)));
    }
}
