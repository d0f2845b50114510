using KdPlugins.Torch.Weights;
using Xunit;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>Rules for names.</summary>
public class NameMapTests
{
    [Fact]
    public void Rules_apply_one_after_the_other()
    {
        NameMap map = NameMap
            .Identity.StripPrefix("module.")
            .Replace(@"^layer(\d+)\.", "stages.$1.")
            .Rename("stages.1.w", "first");
        Assert.Equal("first", map.Apply("module.layer1.w"));
        Assert.Equal("stages.2.w", map.Apply("layer2.w"));
        Assert.Equal("fc.bias", map.Apply("module.fc.bias"));
        Assert.Equal("module.w", NameMap.Identity.StripPrefix("module.").Apply("module.module.w"));
        Assert.Equal("module.w", NameMap.Identity.Apply("module.w"));
    }

    [Fact]
    public void Two_names_that_become_one_are_refused()
    {
        using var source = PyTorchFile.Open(Fixture.Path("network.pth"));
        using var net = TorchSharp.torch.nn.Linear(1, 1);
        KdException failure = Fails.With(
            WeightErrors.NameCollision,
            () => ModuleWeights.Load(net, source, new() { Names = NameMap.Identity.Replace("^(conv|fc)", "x") })
        );
        Assert.Contains("'conv.weight' and 'fc.weight'", failure.Message);
    }

    [Fact]
    public void A_pattern_that_is_no_regular_expression_is_refused() =>
        Fails.With(WeightErrors.NameRuleInvalid, () => NameMap.Identity.Replace("(", "x"));

    [Fact]
    public void A_pattern_that_never_ends_on_a_name_is_stopped()
    {
        NameMap map = NameMap.Identity.Replace("^(a+)+$", "x");
        Fails.With(WeightErrors.NameRuleInvalid, () => map.Apply(new string('a', 40) + "!"));
    }
}
