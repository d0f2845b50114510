using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.Datasets;

/// <summary>A split of the shapes. Every sample is a function of (seed, split, number); classes come in turn.</summary>
internal sealed class ShapesSource(ShapesOptions options, string split, long count) : ILabelledSource
{
    private readonly RandomKey _key = new RandomKey((ulong)options.Seed).Derive(split);

    public long Count => count;

    // Of the first object, where there are several.
    public long ClassOf(long index) => index % options.Classes;

    public Batch Read(ReadOnlyMemory<long> indices)
    {
        DataChecks.RequireNumbers(indices.Span, count, $"split '{split}' of data set 'shapes'");
        var images = SampleRead.Images(indices.Span, 3, options.Height, options.Width, Paint);
        return new Batch(images, Targets(indices.Span), SampleRead.Numbers(indices.Span));
    }

    internal void Paint(long index, Span<byte> planes)
    {
        var random = Start(index);
        var scene = Draw(index, ref random);
        ShapePainter.Paint(scene, options.Height, options.Width, (float)options.Noise, ref random, planes);
    }

    private SceneRandom Start(long index) => new(_key.Derive(index).Value);

    private ShapeScene Draw(long index, ref SceneRandom random)
    {
        var objects = options.Target == "class" ? 1 : 1 + random.Below(options.Objects);
        return ShapeScene.Draw(options, (int)ClassOf(index), objects, ref random);
    }

    private Target Targets(ReadOnlySpan<long> indices) =>
        options.Target switch
        {
            "mask" => Maps(indices),
            "boxes" => Boxes(indices),
            _ => Classes(indices),
        };

    private ClassIndexTarget Classes(ReadOnlySpan<long> indices)
    {
        var labels = new long[indices.Length];
        for (var i = 0; i < labels.Length; i++)
            labels[i] = ClassOf(indices[i]);
        return new ClassIndexTarget(tensor(labels, ScalarType.Int64));
    }

    private ClassMapTarget Maps(ReadOnlySpan<long> indices)
    {
        var area = options.Height * options.Width;
        var maps = new long[indices.Length * area];
        for (var i = 0; i < indices.Length; i++)
        {
            var random = Start(indices[i]);
            ShapePainter.Mark(Draw(indices[i], ref random), options.Height, options.Width, maps.AsSpan(i * area, area));
        }
        return new ClassMapTarget(tensor(maps, [indices.Length, options.Height, options.Width], ScalarType.Int64), 255);
    }

    private BoxTarget Boxes(ReadOnlySpan<long> indices)
    {
        var (boxes, labels) = (new Tensor[indices.Length], new Tensor[indices.Length]);
        for (var i = 0; i < indices.Length; i++)
        {
            var random = Start(indices[i]);
            var (corners, classes) = (new List<float>(), new List<long>());
            foreach (var thing in Draw(indices[i], ref random).Objects)
            {
                if (!ShapePainter.Box(thing, options.Height, options.Width, out var box))
                    continue;
                corners.AddRange([box.X1, box.Y1, box.X2, box.Y2]);
                classes.Add(thing.Class);
            }
            boxes[i] = tensor(corners.ToArray(), [classes.Count, 4], ScalarType.Float32);
            labels[i] = tensor(classes.ToArray(), ScalarType.Int64);
        }
        return new BoxTarget(boxes, labels);
    }
}
