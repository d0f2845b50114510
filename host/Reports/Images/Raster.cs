namespace KdPlugins.Host.Reports.Images;

/// <summary>Pixels of red, green, blue and opacity, row by row.</summary>
internal sealed class Raster(int width, int height)
{
    internal int Width => width;

    internal int Height => height;

    /// <summary>Four bytes per pixel.</summary>
    internal byte[] Pixels { get; } = new byte[checked(4 * width * height)];

    internal void Set(int x, int y, (byte Red, byte Green, byte Blue, byte Opacity) colour)
    {
        var at = 4 * (y * width + x);
        (Pixels[at], Pixels[at + 1], Pixels[at + 2], Pixels[at + 3]) = colour;
    }

    internal (byte Red, byte Green, byte Blue, byte Opacity) Get(int x, int y)
    {
        var at = 4 * (y * width + x);
        return (Pixels[at], Pixels[at + 1], Pixels[at + 2], Pixels[at + 3]);
    }

    internal void Fill((byte Red, byte Green, byte Blue, byte Opacity) colour)
    {
        for (var y = 0; y < height; y++)
        for (var x = 0; x < width; x++)
            Set(x, y, colour);
    }

    /// <summary>Puts another picture here, each of its pixels as a square of pixels.</summary>
    internal void Draw(Raster other, int left, int top, int scale)
    {
        for (var y = 0; y < other.Height * scale; y++)
        for (var x = 0; x < other.Width * scale; x++)
            Set(left + x, top + y, other.Get(x / scale, y / scale));
    }

    /// <summary>The picture, each side divided by a whole number: means over squares of pixels.</summary>
    internal Raster Shrunk(int by)
    {
        if (by <= 1)
            return this;
        var small = new Raster(Math.Max(1, width / by), Math.Max(1, height / by));
        var (w, h) = (Math.Min(by, width), Math.Min(by, height));
        for (var y = 0; y < small.Height; y++)
        for (var x = 0; x < small.Width; x++)
        for (var channel = 0; channel < 4; channel++)
        {
            var sum = 0;
            for (var v = 0; v < h; v++)
            for (var u = 0; u < w; u++)
                sum += Pixels[4 * ((y * by + v) * width + x * by + u) + channel];
            small.Pixels[4 * (y * small.Width + x) + channel] = (byte)((sum + w * h / 2) / (w * h));
        }
        return small;
    }
}
