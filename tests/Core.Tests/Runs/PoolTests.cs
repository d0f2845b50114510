using FsCheck;
using FsCheck.Xunit;
using KdPlugins.Torch;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Runs;

public sealed class PoolTests
{
    /// <summary>Any sequence of appends and clears, against a plain queue.</summary>
    [Property(MaxTest = 60)]
    public bool A_pool_is_a_queue_that_drops_its_oldest_rows(byte capacity, byte[] appends)
    {
        using DisposeScope scope = NewDisposeScope();
        int limit = capacity % 24;
        using var pool = new Pool("bank", limit);
        IPool rows = pool;
        var oracle = new List<long>();
        long next = 0;
        foreach (byte append in appends)
        {
            if (append % 17 == 16)
            {
                rows.Clear();
                oracle.Clear();
                continue;
            }
            int count = append % 17;
            rows.Append(Rows(next, count));
            oracle.AddRange(Enumerable.Range(0, count).Select(i => next + i));
            next += count;
            if (limit > 0 && oracle.Count > limit)
            {
                oracle.RemoveRange(0, oracle.Count - limit);
            }
            if (
                !Values<long>(rows, "label").SequenceEqual(oracle)
                || !Values<float>(rows, "feature").SequenceEqual(Features(oracle))
            )
            {
                return false;
            }
        }
        return rows.Count == oracle.Count;
    }

    [Fact]
    public void Rows_are_copied_without_graph_and_belong_to_the_pool()
    {
        using var pool = new Pool("bank", 0);
        IPool rows = pool;
        using (NewDisposeScope())
        {
            Tensor feature = ones(2, 3).requires_grad_();
            rows.Append(new Dictionary<string, Tensor> { ["feature"] = feature * 2 });
            using (no_grad())
            {
                feature.fill_(7);
            }
        }
        using (NewDisposeScope())
        {
            Tensor read = rows.Read("feature", tensor(new long[] { 1, 1, 0 }));
            Assert.False(read.requires_grad);
            Assert.Equal([3, 3], read.shape);
            Assert.All(read.data<float>().ToArray(), value => Assert.Equal(2, value));
        }
    }

    [Fact]
    public void Appending_costs_no_more_tensors_the_longer_it_goes_on()
    {
        using var pool = new Pool("bank", 100);
        IPool rows = pool;
        long Cycle(int count)
        {
            for (int i = 0; i < count; i++)
            {
                using DisposeScope scope = NewDisposeScope();
                rows.Append(Rows(i, 3));
                rows.Read("feature", zeros(2, dtype: ScalarType.Int64));
            }
            return DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        }
        Assert.Equal(Cycle(10), Cycle(500));
        long before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        rows.Clear();
        Assert.Equal(before - 2, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.Equal(0, rows.Count);
        Assert.Empty(rows.Columns);
    }

    public static TheoryData<string, Dictionary<string, long[]>, string> Misuses =>
        new()
        {
            { "no column", new(), "an append without columns" },
            {
                "a column is missing",
                new() { ["label"] = [2] },
                "the rows lack the columns feature"
            },
            {
                "a column too many",
                new()
                {
                    ["feature"] = [2, 3],
                    ["label"] = [2],
                    ["extra"] = [2],
                },
                "there is no column 'extra'"
            },
            {
                "other rows",
                new() { ["feature"] = [2, 4], ["label"] = [2] },
                "holds Float32 rows [3]"
            },
            {
                "other counts",
                new() { ["feature"] = [2, 3], ["label"] = [3] },
                "2 rows were expected"
            },
            {
                "no rows",
                new() { ["feature"] = [], ["label"] = [2] },
                "column 'feature'"
            },
        };

    [Theory]
    [MemberData(nameof(Misuses))]
    public void Rows_that_do_not_fit_are_refused_and_nothing_is_added(
        string what,
        Dictionary<string, long[]> shapes,
        string reason
    )
    {
        using DisposeScope scope = NewDisposeScope();
        using var pool = new Pool("bank", 0);
        IPool rows = pool;
        rows.Append(Rows(0, 2));
        var wrong = shapes.ToDictionary(
            pair => pair.Key,
            pair => zeros(pair.Value, dtype: pair.Key == "label" ? ScalarType.Int64 : ScalarType.Float32)
        );
        KdException failure = Samples.Fails(RunErrors.PoolMisuse, () => rows.Append(wrong));
        Assert.True(failure.Message.Contains(reason), $"{what}: {failure.Message}");
        Assert.Contains("'bank' with columns [feature, label] and 2 rows", failure.Message);
        Assert.Equal(2, rows.Count);
    }

    [Fact]
    public void A_column_of_another_dtype_is_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        using var pool = new Pool("bank", 0);
        IPool rows = pool;
        rows.Append(Rows(0, 2));
        Dictionary<string, Tensor> wrong = Rows(0, 2);
        wrong["label"] = wrong["label"].to(ScalarType.Int32);
        Assert.Contains("Int64", Samples.Fails(RunErrors.PoolMisuse, () => rows.Append(wrong)).Message);
    }

    [Fact]
    public void Rows_and_columns_that_are_not_there_are_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        using var pool = new Pool("bank", 0);
        IPool rows = pool;
        rows.Append(Rows(0, 2));
        Fails("rows 0 to 2", () => rows.Read("label", arange(3)));
        Fails("rows -1 to -1", () => rows.Read("label", tensor(new long[] { -1 })));
        Fails("int64 [K] was expected", () => rows.Read("label", tensor(new[] { 1f })));
        Fails("int64 [K] was expected", () => rows.Read("label", tensor(1L)));
        Fails("no column 'image'", () => rows.Read("image", arange(1)));
        static void Fails(string reason, Action call) =>
            Assert.Contains(reason, Samples.Fails(RunErrors.PoolMisuse, call).Message);
    }

    [Fact]
    public void Readers_beside_an_appender_see_whole_rows()
    {
        using var pool = new Pool("bank", 64);
        IPool rows = pool;
        using (NewDisposeScope())
        {
            rows.Append(Rows(0, 8));
        }
        Parallel.For(
            0,
            200,
            i =>
            {
                using DisposeScope scope = NewDisposeScope();
                if (i % 4 == 0)
                {
                    rows.Append(Rows(i, 5));
                }
                else
                {
                    Tensor read = rows.Read("feature", arange(8));
                    float[] values = read.data<float>().ToArray();
                    Assert.All(Enumerable.Range(0, 8), r => Assert.Equal(values[3 * r], values[3 * r + 2]));
                }
            }
        );
    }

    private static Dictionary<string, Tensor> Rows(long first, int count)
    {
        Tensor labels = arange(first, first + count);
        return new() { ["feature"] = labels.to(ScalarType.Float32).unsqueeze(1).repeat(1, 3), ["label"] = labels };
    }

    /// <summary>All of a column; TorchSharp's accessor refuses tensors without elements.</summary>
    private static T[] Values<T>(IPool rows, string column)
        where T : unmanaged =>
        !rows.Columns.Contains(column) || rows.Count == 0
            ? []
            : rows.Read(column, arange(rows.Count)).data<T>().ToArray();

    private static IEnumerable<float> Features(IEnumerable<long> labels) =>
        labels.SelectMany(label => Enumerable.Repeat((float)label, 3));
}
