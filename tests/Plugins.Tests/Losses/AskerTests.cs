using KdPlugins.Augmentations;
using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Losses;
using KdPlugins.Meters;
using KdPlugins.Sdk;
using KdPlugins.Strategies;
using KdPlugins.Torch;

namespace KdPlugins.Plugins.Tests.Losses;

public class AskerTests
{
    [Theory]
    [InlineData(typeof(KdLoss), "Loss 'kd'")]
    [InlineData(typeof(CutoutAugmentation), "Augmentation 'cutout'")]
    [InlineData(typeof(SupervisedStrategy), "Strategy 'supervised'")]
    [InlineData(typeof(CifarPlugin), "Data set 'cifar'")]
    [InlineData(typeof(TokensMeter), "Meter 'tokens'")]
    [InlineData(typeof(Look), "Tool 'look'")]
    [InlineData(typeof(Nameless), "Plugin 'Nameless'")]
    public void A_plugin_goes_by_its_kind_and_id(Type plugin, string name)
    {
        Assert.Equal(name, Asker.Of(plugin).ToString());
        var refusal = Asker.Of(plugin).Refusal(CoreErrors.NoClass, "met the label 7.", "Look.");
        Assert.Equal(CoreErrors.NoClass, refusal.Code);
        Assert.Contains($"{name} met the label 7.", refusal.Message);
        Assert.Contains("Look.", refusal.Message);
    }

    [Fact]
    public void What_is_not_bound_is_refused_by_name()
    {
        var asker = Asker.Of(typeof(KdLoss));
        var failure = Assert.Throws<KdException>(() => asker.Bound<string>(null));
        Assert.Equal(CoreErrors.NotConfigured, failure.Code);
        Assert.Contains("Loss 'kd'", failure.Message);
        Assert.Equal("made", asker.Bound("made"));
    }

    [KdTool("look")]
    private sealed class Look : Tool<NoOptions>
    {
        public override ToolOutput Run(IToolContext context) => throw Asker.WrongShape("sees nothing.");
    }

    private sealed class Nameless : DistillationLoss<NoOptions>
    {
        public override TorchSharp.torch.Tensor Compute(ILossContext context) => throw Asker.WrongShape("is empty.");
    }
}
