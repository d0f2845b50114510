using KdPlugins.Augmentations;
using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Augmentations;

public class NormaliseTests
{
    private static DataInfo Data(double[] mean, double[] std, long channels = 2) =>
        new(InputKind.Image, [channels, 4, 4], TargetKind.ClassIndex, 3, [], mean, std, []);

    private static NormaliseAugmentation Make(NormaliseOptions options, DataInfo data)
    {
        var normalise = Tests.Make.Plugin<NormaliseAugmentation>(options);
        normalise.Bind(data);
        return normalise;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Values_become_the_difference_over_the_deviation(bool fromOptions)
    {
        using var scope = NewDisposeScope();
        double[] mean = [0.25, 0.5];
        double[] std = [0.5, 2];
        var normalise = fromOptions
            ? Make(new() { Mean = mean, Std = std }, Data([9, 9], [9, 9]))
            : Make(new(), Data(mean, std));
        var batch = Images.Random(1, 2, 2, 4, 4);
        var (source, got) = (Images.Values(batch.Input), Images.Values(normalise.Apply(batch, Images.At(1)).Input));
        for (var c = 0; c < 2; c++)
            Assert.Equal((source[1, c, 2, 3] - (float)mean[c]) / (float)std[c], got[1, c, 2, 3], 1e-6f);
        Assert.True(normalise.InEvaluation);
        Images.TheInputStays(Make(new(), Data([0, 0, 0], [1, 2, 3], 3)), new NoTarget(2));
    }

    [Fact]
    public void What_does_not_go_together_is_refused_when_it_is_bound()
    {
        void Fails(ErrorCode code, Action action) => Assert.Equal(code, Assert.Throws<KdException>(action).Code);
        Fails(CoreErrors.WrongCombination, () => Make(new(), Data([], [])));
        Fails(CoreErrors.WrongCombination, () => Make(new() { Std = [1, 0] }, Data([0, 0], [1, 1])));
        Fails(CoreErrors.ShapesDiffer, () => Make(new() { Mean = [0.5] }, Data([0, 0], [1, 1])));
    }

    [Fact]
    public void Inputs_of_another_kind_are_refused()
    {
        using var scope = NewDisposeScope();
        var bound = Make(new(), Data([0, 0], [1, 1]));
        var three = Images.Random(1, 2, 3, 4, 4);
        Assert.Equal(CoreErrors.ShapesDiffer, Assert.Throws<KdException>(() => bound.Apply(three, Images.At(1))).Code);
        var tokens = new Batch(zeros(2, 7), new NoTarget(2), arange(2, ScalarType.Int64));
        Assert.Equal(CoreErrors.ShapesDiffer, Assert.Throws<KdException>(() => bound.Apply(tokens, Images.At(1))).Code);
        var unbound = Tests.Make.Plugin<NormaliseAugmentation>(new NormaliseOptions());
        Assert.Equal(
            CoreErrors.NotConfigured,
            Assert.Throws<KdException>(() => unbound.Apply(three, Images.At(1))).Code
        );
    }
}
