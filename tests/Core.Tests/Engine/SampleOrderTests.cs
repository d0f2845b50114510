using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Testing;
using KdPlugins.Torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>In which order samples come, alone and in runs.</summary>
public sealed class SampleOrderTests : IDisposable
{
    private readonly RecipeRun _runs = new(EngineRun.Catalog.With(typeof(PlainModel), typeof(AccumulatingStrategy)));

    public void Dispose() => _runs.Dispose();

    private static long[] Epoch(SampleOrder order, long epoch) =>
        [.. Enumerable.Range(0, (int)order.PerEpoch).SelectMany(i => order.Batch((epoch * order.PerEpoch) + i))];

    [Fact]
    public void Every_epoch_has_every_sample_once_in_an_order_of_its_own()
    {
        var order = new SampleOrder(60, 4, new RandomKey(1));
        var epochs = Enumerable.Range(0, 4).Select(e => Epoch(order, e)).ToList();
        Assert.All(epochs, e => Assert.Equal(Enumerable.Range(0, 60).Select(i => (long)i), e.Order()));
        Assert.Equal(4, epochs.Select(e => string.Join(",", e)).Distinct().Count());
        // Neither does one begin as another does.
        Assert.Equal(4, epochs.Select(e => string.Join(",", e.Take(4))).Distinct().Count());
    }

    [Fact]
    public void The_order_follows_from_the_key_and_the_batchs_number_alone()
    {
        var (one, two) = (new SampleOrder(60, 4, new RandomKey(1)), new SampleOrder(60, 4, new RandomKey(1)));
        var later = two.Batch(33);
        Assert.Equal(Epoch(one, 0), Epoch(two, 0));
        Assert.Equal(later, one.Batch(33));
        Assert.NotEqual(Epoch(one, 0), Epoch(new(60, 4, new RandomKey(2)), 0));
    }

    [Theory]
    [InlineData(10, 4, 2, 4)]
    [InlineData(3, 4, 1, 3)]
    [InlineData(4, 4, 1, 4)]
    [InlineData(1, 64, 1, 1)]
    public void What_fills_no_batch_is_left_out_and_a_small_set_is_one_batch(
        long count,
        long size,
        long per,
        int length
    )
    {
        var order = new SampleOrder(count, size, new RandomKey(1));
        Assert.Equal(per, order.PerEpoch);
        Assert.Equal(length, order.Batch(0).Length);
        Assert.Equal(per * length, Epoch(order, 5).Distinct().Count());
    }

    [Fact]
    public void The_epochs_of_a_run_differ()
    {
        _runs.Whole(
            """
            { "name": "orders", "dataset": { "id": "shapes", "options": { "size": 8, "train": 32, "test": 8 } },
              "validation": { "count": 4 }, "models": { "student": { "id": "plain" } },
              "strategy": { "id": "accumulating" }, "training": { "epochs": 3, "batchSize": 4 } }
            """,
            "run"
        );
        var epochs = AccumulatingStrategy.Seen.Batches.Chunk(7).Select(e => e.SelectMany(b => b).ToList()).ToList();
        Assert.Equal(3, epochs.Count);
        Assert.Equal(3, epochs.Select(e => string.Join(",", e)).Distinct().Count());
        Assert.All(epochs, e => Assert.Equal(epochs[0].Order(), e.Order()));
    }
}
