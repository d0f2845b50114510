using System.Globalization;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Students;

/// <summary>Height and width of images.</summary>
/// <param name="Height">Pixels.</param>
/// <param name="Width">Pixels.</param>
internal sealed record ImageSize(int Height, int Width)
{
    /// <summary>Reads 64, or 48x64 for height and width; null for null.</summary>
    /// <exception cref="KdException"><c>KDP0801</c>: it is no size.</exception>
    internal static ImageSize? Parse(string? text)
    {
        if (text is null)
            return null;
        var sides = text.Split('x');
        var numbers = sides
            .Select(s => int.TryParse(s, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : 0)
            .ToArray();
        return numbers is [>= 1 and <= 16384] or [>= 1 and <= 16384, >= 1 and <= 16384]
            ? new(numbers[0], numbers[^1])
            : throw new KdException(
                CommandErrors.Usage,
                $"'{text}' is no size: --size takes the pixels of a side, or HEIGHTxWIDTH, each from 1 to 16384."
            );
    }
}
