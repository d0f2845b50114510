using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.KrrSt.Tests;

public sealed class KMeansTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void One_row_of_every_well_separated_group_is_picked_and_it_is_the_middle_one()
    {
        // Three groups of five; the third row of each is its centre.
        var points = new List<double[]>();
        double[][] centres =
        [
            [0, 0],
            [100, 0],
            [0, 100],
        ];
        foreach (var c in centres)
        foreach (var (x, y) in new[] { (1, 1), (-1, 1), (0, 0), (1, -1), (-1, -1) })
            points.Add([c[0] + x, c[1] + y]);
        var matrix = tensor(points.SelectMany(p => p).ToArray()).view(15, 2);

        var found = Enumerable
            .Range(0, 20)
            .Select(seed => KMeans.Pick(matrix, 3, new RandomKey((ulong)seed)).data<long>().ToArray())
            .ToArray();
        Assert.All(found, rows => Assert.Equal(3, rows.Distinct().Count()));
        // Lloyd's rounds can end in a worse place; most beginnings lead to the groups.
        Assert.True(found.Count(rows => rows.Order().SequenceEqual([2L, 7L, 12L])) >= 8);
    }

    [Fact]
    public void As_many_as_there_are_is_all_of_them_and_the_same_place_picks_the_same()
    {
        var points = Goldens.Wave(j => (j * 0.9).sin(), 9, 4).to(ScalarType.Float32);
        Assert.Equal(
            Enumerable.Range(0, 9).Select(i => (long)i),
            KMeans.Pick(points, 9, new RandomKey(5)).data<long>().ToArray().Order()
        );
        Assert.Equal(
            KMeans.Pick(points, 4, new RandomKey(5)).data<long>().ToArray(),
            KMeans.Pick(points, 4, new RandomKey(5)).data<long>().ToArray()
        );
    }

    [Fact]
    public void Equal_points_are_still_picked_once_each()
    {
        var rows = KMeans.Pick(ones(6, 3), 4, new RandomKey(1)).data<long>().ToArray();
        Assert.Equal(4, rows.Distinct().Count());
    }

    [Fact]
    public void More_than_there_are_and_no_matrix_are_refused()
    {
        foreach (
            var action in new Action[]
            {
                () => KMeans.Pick(zeros(3, 2), 4, new RandomKey(1)),
                () => KMeans.Pick(zeros(3, 2), 0, new RandomKey(1)),
                () => KMeans.Pick(zeros(3), 1, new RandomKey(1)),
            }
        )
            Assert.Equal(CoreErrors.ShapesDiffer, Assert.Throws<KdException>(action).Code);
    }
}
