using System.Globalization;

namespace KdPlugins.Host.Reports.Page;

/// <summary>Quantities as people read them.</summary>
internal static class Text
{
    internal static string Bytes(double? bytes) =>
        bytes switch
        {
            null => "",
            >= 1 << 30 => Number(bytes.Value / (1 << 30), "0.00") + " GiB",
            >= 1 << 20 => Number(bytes.Value / (1 << 20), "0.0") + " MiB",
            >= 1 << 10 => Number(bytes.Value / (1 << 10), "0.0") + " KiB",
            _ => Number(bytes.Value, "0") + " B",
        };

    internal static string? Number(double? value, string format = "#,0.##") =>
        value?.ToString(format, CultureInfo.InvariantCulture);

    internal static string? Percent(double? share) =>
        share is { } value ? (100 * value).ToString("0.00", CultureInfo.InvariantCulture) + " %" : null;
}
