using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Operators;

public sealed class ConvolutionCheckTests
{
    [Fact]
    public void The_engines_convolutions_are_right_on_this_processor() => Assert.Null(ConvolutionCheck.Find());

    [Fact]
    public void The_check_leaves_nothing_behind_and_no_default_generator_moves()
    {
        ConvolutionCheck.Find();
        var (tensors, state) = (Tensor.TotalCount, get_rng_state());
        ConvolutionCheck.Find();
        Assert.Equal(tensors + 1, Tensor.TotalCount);
        Assert.True(state.equal(get_rng_state()).all().item<bool>());
    }
}
