using System.Runtime.InteropServices;

namespace KdPlugins.Datasets;

/// <summary>Turns a scene into pixels, a class map and boxes. Pure: the same scene and random numbers, the same bytes.</summary>
internal static class ShapePainter
{
    /// <summary>Paints the planes red, green, blue of an image, with noise.</summary>
    public static void Paint(
        ShapeScene scene,
        int height,
        int width,
        float noise,
        ref SceneRandom random,
        Span<byte> planes
    )
    {
        var area = height * width;
        for (var y = 0; y < height; y++)
        for (var x = 0; x < width; x++)
        {
            var colour = At(scene, x + 0.5f, y + 0.5f, height, width);
            var pixel = y * width + x;
            planes[pixel] = Quantise(colour.Red + noise * random.Bell());
            planes[area + pixel] = Quantise(colour.Green + noise * random.Bell());
            planes[2 * area + pixel] = Quantise(colour.Blue + noise * random.Bell());
        }
    }

    /// <summary>The class map: 0 where the background or something in front is seen, class k as k + 1.</summary>
    public static void Mark(ShapeScene scene, int height, int width, Span<long> map)
    {
        for (var y = 0; y < height; y++)
        for (var x = 0; x < width; x++)
        {
            long seen = 0;
            foreach (var thing in scene.Objects)
                if (Coverage(thing, x + 0.5f, y + 0.5f, out _, out _) >= 0.5f)
                    seen = thing.Class + 1;
            foreach (var stroke in scene.InFront)
                if (stroke.Coverage(x + 0.5f, y + 0.5f) >= 0.5f)
                    seen = 0;
            map[y * width + x] = seen;
        }
    }

    /// <summary>The box around the pixels of an object within the image, whatever stands in front; false where none.</summary>
    public static bool Box(
        in SceneObject thing,
        int height,
        int width,
        out (float X1, float Y1, float X2, float Y2) box
    )
    {
        var (left, top, right, bottom) = (width, height, -1, -1);
        for (var y = 0; y < height; y++)
        for (var x = 0; x < width; x++)
        {
            if (Coverage(thing, x + 0.5f, y + 0.5f, out _, out _) < 0.5f)
                continue;
            (left, right) = (Math.Min(left, x), Math.Max(right, x));
            (top, bottom) = (Math.Min(top, y), Math.Max(bottom, y));
        }
        box = (left, top, right + 1, bottom + 1);
        return right >= 0;
    }

    private static Colour At(ShapeScene scene, float x, float y, int height, int width)
    {
        var slope = Math.Clamp(0.5f + (x - width / 2f) * scene.SlopeX + (y - height / 2f) * scene.SlopeY, 0, 1);
        var colour = scene.Sky.Towards(scene.Ground, slope);
        foreach (ref readonly var stroke in CollectionsMarshal.AsSpan(scene.Behind))
            if (stroke.Coverage(x, y) is > 0 and var covered)
                colour = colour.Towards(stroke.Colour, covered);
        foreach (ref readonly var thing in CollectionsMarshal.AsSpan(scene.Objects))
        {
            var filled = Coverage(thing, x, y, out var u, out var v);
            if (filled <= 0)
                continue;
            var share = ShapeTexture.Share(thing.Kind % ShapeTexture.Names.Length, u, v, thing.Frequency, thing.Phase);
            colour = colour.Towards(thing.First.Towards(thing.Second, share), filled);
        }
        foreach (ref readonly var stroke in CollectionsMarshal.AsSpan(scene.InFront))
            if (stroke.Coverage(x, y) is > 0 and var hidden)
                colour = colour.Towards(stroke.Colour, hidden);
        return colour;
    }

    // u, v: the point in the object's coordinates.
    private static float Coverage(in SceneObject thing, float x, float y, out float u, out float v)
    {
        var (dx, dy) = ((x - thing.X) / thing.Radius, (y - thing.Y) / thing.Radius);
        (u, v) = (0, 0);
        // Beyond the unit circle and half a pixel, at any turn.
        var reach = 1 + 0.5f / thing.Radius;
        if (dx * dx + dy * dy > reach * reach)
            return 0;
        u = dx * thing.Cosine + dy * thing.Sine;
        v = dy * thing.Cosine - dx * thing.Sine;
        return Edge(ShapeForm.Distance(thing.Kind / ShapeTexture.Names.Length, u, v) * thing.Radius);
    }

    // One pixel wide, from outside to inside.
    private static float Edge(float distance) => Math.Clamp(0.5f - distance, 0, 1);

    private static byte Quantise(float value) => (byte)(Math.Clamp(value, 0, 1) * 255 + 0.5f);
}
