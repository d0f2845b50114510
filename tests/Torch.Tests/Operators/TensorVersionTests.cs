using KdPlugins.Torch.Optim;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Operators;

public class TensorVersionTests
{
    [Fact]
    public void Changes_in_place_count_also_through_another_view_and_reading_does_not()
    {
        using var scope = NewDisposeScope();
        var tensor = zeros(2, 3);
        var first = TensorVersion.Of(tensor);
        _ = tensor.sum().item<float>() + (tensor * 2).max().item<float>();
        Assert.Equal(first, TensorVersion.Of(tensor));
        tensor.add_(1);
        var second = TensorVersion.Of(tensor);
        Assert.True(second > first);
        tensor[0].zero_();
        var third = TensorVersion.Of(tensor);
        Assert.True(third > second);
        using (no_grad())
            tensor.detach().copy_(ones(2, 3));
        Assert.True(TensorVersion.Of(tensor) > third);
        Assert.Throws<ArgumentNullException>(() => TensorVersion.Of((Tensor)null!));
    }

    [Fact]
    public void A_module_has_another_number_after_every_way_of_changing_its_weights()
    {
        using var scope = NewDisposeScope();
        using var module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2));
        var seen = new HashSet<long> { TensorVersion.Of(module) };
        void Changes(Action action)
        {
            var before = TensorVersion.Of(module);
            Assert.Equal(before, TensorVersion.Of(module));
            action();
            Assert.True(seen.Add(TensorVersion.Of(module)));
        }
        var x = randn(2, 1, 6, 6);
        Changes(() => module.call(x));
        module.eval();
        var still = TensorVersion.Of(module);
        module.call(x);
        Assert.Equal(still, TensorVersion.Of(module));
        module.train();
        using var optimiser = new FusedSgd(module.named_parameters(), 0.1);
        module.call(x).sum().backward();
        Changes(() => optimiser.step());
        Changes(() =>
        {
            using var noGrad = no_grad();
            module.buffers().First().fill_(3);
        });
        Changes(() => module.to(ScalarType.Float64));
    }
}
