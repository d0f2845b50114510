namespace KdPlugins.Datasets;

/// <summary>The outlines, as distances in the object's own coordinates, in which it fits the unit circle.</summary>
internal static class ShapeForm
{
    public static readonly string[] Names = ["disc", "square", "triangle", "cross", "ring", "crescent"];

    /// <summary>Distance of a point to the outline, negative inside; exact near the outline, a bound elsewhere.</summary>
    public static float Distance(int form, float x, float y)
    {
        switch (form)
        {
            case 0:
                return MathF.Sqrt(x * x + y * y) - 0.9f;
            case 1:
                return MathF.Max(MathF.Abs(x), MathF.Abs(y)) - 0.7f;
            case 2:
                return MathF.Max(MathF.Abs(x) * 0.8660254f - y * 0.5f, y) - 0.5f;
            case 3:
                var (ax, ay) = (MathF.Abs(x), MathF.Abs(y));
                return MathF.Min(MathF.Max(ax - 0.93f, ay - 0.34f), MathF.Max(ax - 0.34f, ay - 0.93f));
            case 4:
                return MathF.Abs(MathF.Sqrt(x * x + y * y) - 0.66f) - 0.26f;
            default:
                var outer = MathF.Sqrt(x * x + y * y) - 0.95f;
                var bite = 0.7f - MathF.Sqrt((x - 0.5f) * (x - 0.5f) + y * y);
                return MathF.Max(outer, bite);
        }
    }
}

/// <summary>The fillings.</summary>
internal static class ShapeTexture
{
    public static readonly string[] Names = ["plain", "striped", "chequered"];

    /// <summary>The share of the second colour at a point, in [0, 1]. frequency: radians per unit.</summary>
    public static float Share(int texture, float x, float y, float frequency, float phase) =>
        texture switch
        {
            0 => 0,
            1 => Contrast(MathF.Sin(x * frequency + phase)),
            _ => Contrast(2 * MathF.Sin(x * frequency + phase) * MathF.Sin(y * frequency + phase)),
        };

    private static float Contrast(float wave) => Math.Clamp(0.5f + 1.2f * wave, 0, 1);
}
