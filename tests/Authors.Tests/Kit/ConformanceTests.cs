using KdPlugins.Augmentations;
using KdPlugins.Generators;
using KdPlugins.Losses;
using KdPlugins.Testing;

namespace KdPlugins.Authors.Tests.Kit;

/// <summary>The kit passes what is sound and catches, by the very check, what is broken in one way.</summary>
public sealed class ConformanceTests
{
    [Fact]
    public void Sound_plugins_pass()
    {
        Conformance.Loss<GoodLoss>().Verify();
        Conformance.Augmentation<GoodNoise>().Verify();
        Conformance.Generator<GoodGenerator>().Verify();
        Conformance.Strategy<GoodStrategy>().Verify();
        Conformance.Strategy<DrawingStrategy>(new() { DrawsFromTorch = true }).Verify();
    }

    [Fact]
    public void A_network_that_draws_when_it_is_frozen_is_caught()
    {
        var recipe = KitParts
            .Recipe("""{ "id": "good-strategy" }""")
            .Replace(
                "\"teacher\": { \"id\": \"kit-net\", \"options\": { \"width\": 8 } }",
                "\"teacher\": { \"id\": \"drawing-net\" }"
            );
        var settings = new StrategySettings { Recipe = recipe, Plugins = [typeof(DrawingNet)] };
        var check = Conformance.Strategy<GoodStrategy>(settings).Checks.Single(c => c.Name == "resume");
        Assert.Contains("KDP0720", Assert.Throws<ConformanceException>(() => check.Run()).Message);
    }

    [Fact]
    public void Shipped_plugins_pass()
    {
        Conformance.Loss<KdLoss>().Verify();
        Conformance.Augmentation<HorizontalFlipAugmentation>().Verify();
        Conformance.Augmentation<CutoutAugmentation>(new() { Options = new CutoutOptions { Size = 3 } }).Verify();
    }

    [Fact]
    public void What_cannot_be_checked_is_skipped_and_says_why()
    {
        var outcomes = Conformance.Loss<GoodLoss>().Verify();
        Assert.True(outcomes["golden values"].IsSkipped);
        Assert.Contains("golden", outcomes["golden values"].Detail);
    }

    [Theory]
    [InlineData(typeof(UnmarkedLoss), "composition")]
    [InlineData(typeof(BadIdLoss), "composition")]
    [InlineData(typeof(StoppedLoss), "gradient")]
    [InlineData(typeof(RandomLoss), "determinism")]
    [InlineData(typeof(GlobalLoss), "global generator")]
    [InlineData(typeof(InPlaceLoss), "inputs unchanged")]
    [InlineData(typeof(CountingLoss), "hidden state")]
    [InlineData(typeof(CountingLoss), "resume")]
    [InlineData(typeof(TwiceNamedLoss), "names")]
    [InlineData(typeof(LeakingLoss), "memory")]
    [InlineData(typeof(OverflowingLoss), "extreme values")]
    [InlineData(typeof(BroadcastingLoss), "wrong shapes")]
    [InlineData(typeof(CastingLoss), "wrong targets")]
    public void A_broken_loss_is_caught(Type loss, string check) => Caught(nameof(Conformance.Loss), loss, check);

    [Theory]
    [InlineData(typeof(ClockNoise), "determinism")]
    [InlineData(typeof(GlobalNoise), "global generator")]
    [InlineData(typeof(InPlaceNoise), "inputs unchanged")]
    [InlineData(typeof(CountingNoise), "hidden state")]
    [InlineData(typeof(ShrinkingNoise), "shapes")]
    [InlineData(typeof(EvaluatedNoise), "evaluation")]
    [InlineData(typeof(MisnamingNoise), "drawn parameters")]
    [InlineData(typeof(TogetherNoise), "samples alone")]
    [InlineData(typeof(AskingNoise), "samples alone")]
    public void A_broken_augmentation_is_caught(Type augmentation, string check) =>
        Caught(nameof(Conformance.Augmentation), augmentation, check);

    [Theory]
    [InlineData(typeof(FixedGenerator), "determinism")]
    [InlineData(typeof(DetachedGenerator), "gradient")]
    [InlineData(typeof(BrightGenerator), "samples")]
    [InlineData(typeof(DeafGenerator), "classes")]
    [InlineData(typeof(TwiceNamedGenerator), "names")]
    public void A_broken_generator_is_caught(Type generator, string check) =>
        Caught(nameof(Conformance.Generator), generator, check);

    [Theory]
    [InlineData(typeof(IdleStrategy), "learning")]
    [InlineData(typeof(DiceStrategy), "determinism")]
    [InlineData(typeof(ForgetfulStrategy), "resume")]
    [InlineData(typeof(LateHeadStrategy), "resume")]
    [InlineData(typeof(StaticHeadStrategy), "resume")]
    [InlineData(typeof(LateDrawStrategy), "resume")]
    [InlineData(typeof(HoardingStrategy), "memory")]
    [InlineData(typeof(TwiceNamedStrategy), "names")]
    [InlineData(typeof(TwiceNamedRoleStrategy), "names")]
    public void A_broken_strategy_is_caught(Type strategy, string check) =>
        Caught(nameof(Conformance.Strategy), strategy, check);

    [Fact]
    public void A_wrong_golden_value_is_told_with_both_numbers()
    {
        var settings = new LossSettings
        {
            Golden =
            [
                new(
                    () =>
                        LossCase.Of(
                            new double[,]
                            {
                                { 1, 2 },
                            },
                            new double[,]
                            {
                                { 1, 4 },
                            }
                        ),
                    3
                ),
            ],
        };
        var check = Conformance.Loss<GoodLoss>(settings).Checks.Single(c => c.Name == "golden values");
        var failure = Assert.Throws<ConformanceException>(() => check.Run());
        Assert.Contains("2 where 3", failure.Message);
    }

    private static void Caught(string kind, Type plugin, string name)
    {
        var method = typeof(Conformance).GetMethod(kind)!.MakeGenericMethod(plugin);
        var suite = (ConformanceSuite)method.Invoke(null, [null])!;
        var check = suite.Checks.Single(c => c.Name == name);
        var failure = Assert.Throws<ConformanceException>(() => check.Run());
        Assert.StartsWith($"{plugin.Name} {name}: ", failure.Message);
    }
}
