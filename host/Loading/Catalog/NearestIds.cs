namespace KdPlugins.Host.Loading.Catalog;

/// <summary>Finds what somebody may have meant.</summary>
internal static class NearestIds
{
    /// <summary>Up to three candidates, nearest first, at most a third of the word (and at least two letters) away.</summary>
    internal static IReadOnlyList<string> Of(string wanted, IEnumerable<string> candidates)
    {
        var limit = Math.Max(2, wanted.Length / 3);
        return
        [
            .. candidates
                .Distinct()
                .Select(c => (Id: c, Distance: Distance(wanted, c)))
                .Where(c => c.Distance <= limit || c.Id.StartsWith(wanted, StringComparison.OrdinalIgnoreCase))
                .OrderBy(c => c.Distance)
                .ThenBy(c => c.Id, StringComparer.Ordinal)
                .Take(3)
                .Select(c => c.Id),
        ];
    }

    // Edit distance by rows.
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var replaced = diagonal + (char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.Length];
    }
}
