namespace KdPlugins;

/// <summary>What the bytes of a pixel are, in the order in which they lie in memory.</summary>
public enum PixelFormat
{
    /// <summary>Red, green, blue.</summary>
    Rgb24,

    /// <summary>Blue, green, red.</summary>
    Bgr24,

    /// <summary>Red, green, blue, and a fourth byte that does not count.</summary>
    Rgba32,

    /// <summary>Blue, green, red, and a fourth byte that does not count.</summary>
    Bgra32,

    /// <summary>Brightness.</summary>
    Grey8,
}

internal static class PixelFormats
{
    /// <summary>Bytes of a pixel.</summary>
    internal static int Size(this PixelFormat format) =>
        format switch
        {
            PixelFormat.Grey8 => 1,
            PixelFormat.Rgb24 or PixelFormat.Bgr24 => 3,
            PixelFormat.Rgba32 or PixelFormat.Bgra32 => 4,
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, "There is no such format."),
        };
}
