namespace KdPlugins.Host.Runs;

/// <summary>
/// A curve in a bounded number of points, fed one by one: neighbours share a bucket that keeps its lowest and its highest
/// point, so that no spike is lost however long the run is. Points that are not finite are left out.
/// </summary>
/// <param name="most">The most points it may have; at least 2.</param>
internal sealed class ThinnedCurve(int most)
{
    private readonly List<Bucket> _buckets = [];
    private readonly int _mostBuckets = most / 2;
    private long _stride = 1;

    /// <summary>The points in the order they came, each [x, y].</summary>
    internal IReadOnlyList<double[]> Points
    {
        get
        {
            List<double[]> points = [];
            foreach (var bucket in _buckets)
            {
                var (first, second) =
                    bucket.Low.X <= bucket.High.X ? (bucket.Low, bucket.High) : (bucket.High, bucket.Low);
                points.Add([first.X, first.Y]);
                if (second.X > first.X)
                    points.Add([second.X, second.Y]);
            }
            return points;
        }
    }

    /// <summary>Adds the next point.</summary>
    internal void Add(double x, double y)
    {
        if (!double.IsFinite(y))
            return;
        var fresh = new Bucket(1, (x, y), (x, y));
        if (_buckets.Count == _mostBuckets && _buckets[^1].Count >= _stride)
            Halve();
        if (_buckets.Count > 0 && _buckets[^1].Count < _stride)
            _buckets[^1] = _buckets[^1].With(fresh);
        else
            _buckets.Add(fresh);
    }

    private void Halve()
    {
        for (var i = 0; i < _buckets.Count / 2; i++)
            _buckets[i] = _buckets[2 * i].With(_buckets[2 * i + 1]);
        if (_buckets.Count % 2 == 1)
            _buckets[_buckets.Count / 2] = _buckets[^1];
        var half = (_buckets.Count + 1) / 2;
        _buckets.RemoveRange(half, _buckets.Count - half);
        _stride *= 2;
    }

    private readonly record struct Bucket(long Count, (double X, double Y) Low, (double X, double Y) High)
    {
        internal Bucket With(Bucket next) =>
            new(Count + next.Count, next.Low.Y < Low.Y ? next.Low : Low, next.High.Y > High.Y ? next.High : High);
    }
}
