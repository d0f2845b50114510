using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Randomness;

public class DrawWatchTests
{
    [Fact]
    public void It_sees_draws_of_the_default_generator_and_no_others()
    {
        using var scope = NewDisposeScope();
        using var watch = DrawWatch.Begin();
        using (var own = RandomGenerators.New(3))
            rand(4, generator: own);
        zeros(4).add_(1);
        using (RandomScope.Use(5))
            rand(4);
        Assert.False(watch.HasDrawn);
        rand(1);
        Assert.True(watch.HasDrawn);
        Assert.True(watch.HasDrawn);
    }

    [Fact]
    public void A_layer_of_TorchSharp_draws_its_first_weights()
    {
        using var watch = DrawWatch.Begin();
        using var layer = nn.Linear(2, 2);
        Assert.True(watch.HasDrawn);
    }

    [Fact]
    public void It_leaves_no_tensor_behind()
    {
        void Use()
        {
            using var watch = DrawWatch.Begin();
            _ = watch.HasDrawn;
        }
        Use();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Use();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }
}
