using System.Globalization;

namespace KdPlugins.Host.Reports.Charts;

/// <summary>Numbers along a line of pixels, with round marks.</summary>
internal sealed class Axis
{
    private readonly double _least;
    private readonly double _most;
    private readonly double _from;
    private readonly double _to;

    /// <param name="least">The smallest number.</param>
    /// <param name="most">The largest.</param>
    /// <param name="from">The pixel of the smallest.</param>
    /// <param name="to">The pixel of the largest.</param>
    /// <param name="isLog">Whether equal distances are equal factors; all numbers are above 0 then.</param>
    internal Axis(double least, double most, double from, double to, bool isLog)
    {
        IsLog = isLog;
        if (isLog)
            (least, most) = (Math.Log10(least), Math.Log10(most));
        // A single number is shown in the middle.
        if (most - least < 1e-9 * Math.Max(1e-9, Math.Abs(most)))
        {
            var room = isLog ? 0.5 : Math.Max(Math.Abs(most) * 0.1, 1e-6);
            (least, most) = (least - room, most + room);
        }
        (_least, _most, _from, _to) = (least, most, from, to);
    }

    internal bool IsLog { get; }

    /// <summary>The pixel of a number.</summary>
    internal double At(double value) =>
        _from + (_to - _from) * (((IsLog ? Math.Log10(value) : value) - _least) / (_most - _least));

    /// <summary>About so many round numbers within the axis.</summary>
    internal IReadOnlyList<double> Marks(int about)
    {
        if (IsLog)
            return Decades();
        var raw = (_most - _least) / Math.Max(1, about);
        var unit = Math.Pow(10, Math.Floor(Math.Log10(raw)));
        var step = unit * new[] { 1.0, 2, 5, 10 }.First(f => f * unit >= raw * 0.999);
        var first = Math.Ceiling(_least / step - 1e-9);
        return [.. Enumerable.Range(0, 50).Select(i => (first + i) * step).TakeWhile(v => v <= _most + step * 1e-6)];
    }

    /// <summary>A mark's text.</summary>
    internal static string Text(double value) =>
        value == 0 ? "0"
        : Math.Abs(value) is >= 1e6 or < 1e-3 ? value.ToString("0.##e+0", CultureInfo.InvariantCulture)
        : value.ToString(Math.Abs(value) >= 1000 ? "#,0" : "0.####", CultureInfo.InvariantCulture);

    private IReadOnlyList<double> Decades()
    {
        var decades = _most - _least;
        double[] factors = decades < 1.5 ? [1, 2, 5] : [1];
        var every = Math.Max(1, (int)Math.Ceiling(decades / 6));
        return
        [
            .. Enumerable
                .Range((int)Math.Floor(_least), (int)Math.Ceiling(_most) - (int)Math.Floor(_least) + 1)
                .Where(power => power % every == 0)
                .SelectMany(power => factors.Select(f => f * Math.Pow(10, power)))
                .Where(v => Math.Log10(v) >= _least - 1e-9 && Math.Log10(v) <= _most + 1e-9),
        ];
    }
}
