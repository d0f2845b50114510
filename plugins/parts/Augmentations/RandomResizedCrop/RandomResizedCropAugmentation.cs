using KdPlugins.Core;
using KdPlugins.Sdk;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>
/// Cuts a part of random area and shape out of every image and brings it to one size. Class maps and boxes follow.
/// </summary>
[KdAugmentation(
    "random-resized-crop",
    Description = "A random part of the image, brought to one size; class maps and boxes follow",
    Paper = "Szegedy et al.: Going Deeper with Convolutions, 2015"
)]
public sealed class RandomResizedCropAugmentation : Augmentation<RandomResizedCropOptions>
{
    // torchvision's number of trials before it takes the middle.
    private const int Trials = 10;

    /// <inheritdoc/>
    public override bool InEvaluation => Options.Height > 0;

    /// <inheritdoc/>
    public override IReadOnlyList<long> OutputShape(IReadOnlyList<long> inputShape) =>
        inputShape.Count == 3 && Options.Height > 0 ? [inputShape[0], Options.Height, Options.Width] : inputShape;

    /// <inheritdoc/>
    public override ValueRange OutputRange(ValueRange inputRange) => inputRange;

    /// <inheritdoc/>
    public override bool IsSampleWise => true;

    /// <inheritdoc/>
    public override Batch Apply(Batch batch, IPartContext context)
    {
        var (count, _, height, width) = Asker.RequireImages(batch);
        static long[] Numbers(Part p) => [p.Top, p.Left, p.Height, p.Width];
        var drawn = context.IsEvaluation
            ? [.. Enumerable.Repeat(Numbers(new(0, 0, height, width)), (int)count).SelectMany(n => n)]
            : GivenDraws.Integers(
                context,
                $"{Asker.Id}.parts",
                [count, 4],
                [(0, height - 1), (0, width - 1), (1, height), (1, width)],
                () =>
                    [.. Draws.PerSample(context.Random, batch.Indices).SelectMany(k => Numbers(Draw(k, height, width)))]
            );
        Part[] parts = [.. drawn.Chunk(4).Select(n => new Part(n[0], n[1], n[2], n[3]))];
        if (parts.Any(p => p.Top + p.Height > height || p.Left + p.Width > width))
            throw GivenDraws.Unfit($"{Asker.Id}.parts", $"has a part that reaches beyond {height}x{width} pixels.");
        var (newHeight, newWidth) = Options.Height > 0 ? (Options.Height, Options.Width) : (height, width);
        return batch
            .WithInput(GeometryOps.Resized(batch.Input, parts, newHeight, newWidth, bilinear: true))
            .WithTarget(Follow(batch.Target, parts, newHeight, newWidth))
            .WithParameter($"{Asker.Id}.parts", tensor(drawn).view(count, 4));
    }

    private Part Draw(RandomKey key, long height, long width)
    {
        for (var trial = 0L; trial < Trials; trial++)
        {
            var at = key.Derive(trial);
            var area = height * width * Between(Options.MinArea, Options.MaxArea, at.Derive("area"));
            var ratio = Math.Exp(Between(-Math.Log(Options.Ratio), Math.Log(Options.Ratio), at.Derive("ratio")));
            var w = (long)Math.Round(Math.Sqrt(area * ratio));
            var h = (long)Math.Round(Math.Sqrt(area / ratio));
            if (w > 0 && w <= width && h > 0 && h <= height)
                return new(
                    Draws.Below(at.Derive("y"), height - h + 1),
                    Draws.Below(at.Derive("x"), width - w + 1),
                    h,
                    w
                );
        }
        return Middle(height, width);
    }

    // As much as the ratio allows.
    private Part Middle(long height, long width)
    {
        var ratio = Math.Clamp((double)width / height, 1 / Options.Ratio, Options.Ratio);
        var h = Math.Max(1, Math.Min(height, (long)Math.Round(width / ratio)));
        var w = Math.Max(1, Math.Min(width, (long)Math.Round(height * ratio)));
        return new((height - h) / 2, (width - w) / 2, h, w);
    }

    private static double Between(double low, double high, RandomKey key) => low + (high - low) * Draws.Unit(key);

    private static Target Follow(Target target, Part[] parts, long height, long width) =>
        target switch
        {
            ClassMapTarget map => new ClassMapTarget(
                GeometryOps
                    .Resized(map.Labels.unsqueeze(1).to(ScalarType.Float32), parts, height, width, bilinear: false)
                    .squeeze(1)
                    .to(ScalarType.Int64),
                map.IgnoreIndex
            ),
            BoxTarget boxes => Scaled(boxes, parts, height, width),
            _ => target,
        };

    private static BoxTarget Scaled(BoxTarget target, Part[] parts, long height, long width)
    {
        var cut = new BoxTarget(
            [
                .. parts.Select(
                    (p, i) =>
                    {
                        var (x, y) = ((double)width / p.Width, (double)height / p.Height);
                        double[] starts = [p.Left, p.Top, p.Left, p.Top];
                        var all = target.Boxes[i];
                        return all.sub(tensor(starts, all.dtype, all.device))
                            .mul_(tensor([x, y, x, y], all.dtype, all.device));
                    }
                ),
            ],
            target.Labels
        );
        var still = new long[parts.Length];
        return ImageBatch.MoveAndClip(cut, still, still, height, width);
    }
}
