using KdPlugins.Core;
using KdPlugins.Models;
using KdPlugins.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Frskd.Tests;

/// <summary>The self-teacher's sizes, and its answers held against the published code.</summary>
public sealed class SelfTeacherTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static FrskdOptions Of(int width = 2, int depth = 2, LevelWidths widths = LevelWidths.PerLevel) =>
        new()
        {
            Width = width,
            Depth = depth,
            Widths = widths,
        };

    private static Level Level(int i, long channels, long height, long width) =>
        new($"layer{i}", new Tap($"layer{i}", [channels, height, width], false));

    private static INetwork Network() => Stubs.Plugin<WideResNetPlugin>(new WideResNetOptions()).Create(Request());

    private static ModelRequest Request() => new([3, 32, 32], 100, Stubs.Data([3, 32, 32], 100));

    private static SelfTeacherNetwork On(INetwork student, FrskdOptions options) =>
        new(student, Frskd.Level.Of(Sdk.Asker.Of(typeof(FrskdStrategy)), student.Shape, [], "student"), options);

    [Theory]
    [InlineData(true, 2, 2, LevelWidths.PerLevel, 6375794)]
    [InlineData(true, 2, 1, LevelWidths.PerLevel, 4625906)]
    [InlineData(true, 2, 3, LevelWidths.PerLevel, 8125682)]
    [InlineData(true, 1, 1, LevelWidths.PerLevel, 1538866)]
    [InlineData(true, 1, 2, LevelWidths.Constant, 1324658)]
    [InlineData(false, 2, 2, LevelWidths.PerLevel, 411885)]
    [InlineData(false, 2, 1, LevelWidths.PerLevel, 303149)]
    [InlineData(false, 2, 3, LevelWidths.PerLevel, 520621)]
    [InlineData(false, 1, 1, LevelWidths.PerLevel, 105549)]
    [InlineData(false, 1, 2, LevelWidths.Constant, 681581)]
    public void It_has_as_many_parameters_as_published(
        bool resnet,
        int width,
        int depth,
        LevelWidths widths,
        long count
    )
    {
        // The CIFAR ResNet-18 and WRN-16-2.
        Level[] levels = resnet
            ? [Level(1, 64, 32, 32), Level(2, 128, 16, 16), Level(3, 256, 8, 8), Level(4, 512, 4, 4)]
            : [Level(1, 32, 32, 32), Level(2, 64, 16, 16), Level(3, 128, 8, 8)];
        var net = new SelfTeacher(levels, Of(width, depth, widths), 100);
        Assert.Equal(count, net.parameters().Sum(p => p.numel()));
    }

    [Fact]
    public void Golden_1_a_refined_map_has_its_maps_size_and_so_many_times_its_channels()
    {
        var student = Network();
        var network = On(student, Of());
        Assert.Equal(["layer1.preact", "layer2.preact", "layer3.preact"], network.Basis);
        Assert.Equal([64, 32, 32], network.Shape.Tap("layer1").Shape);
        Assert.Equal([256, 8, 8], network.Shape.Tap("layer3.preact").Shape);
        Assert.True(network.Shape.Tap("layer3.preact").IsPreActivation);
        Assert.False(network.Shape.Tap("layer3").IsPreActivation);
        using var none = no_grad();
        var output = network.Forward(rand(2, 3, 32, 32), null, [.. network.Shape.Taps.Select(t => t.Name)]);
        foreach (var tap in network.Shape.Taps)
            Assert.Equal([2, .. tap.Shape], output.Feature(tap.Name).shape);
        Assert.True(output.Feature("layer2").equal(output.Feature("layer2.preact").relu()).all().item<bool>());
        Assert.Equal([2, 100], output.Logits.shape);
    }

    [Theory]
    [InlineData(7, 4, 2)]
    [InlineData(10, 5, 3)]
    [InlineData(5, 5, 2)]
    public void Golden_1_any_sizes_will_do(int first, int second, int third)
    {
        Level[] levels = [Level(1, 2, first, first + 1), Level(2, 3, second, second), Level(3, 4, third, 1)];
        var net = new SelfTeacher(levels, Of(), 5);
        var refined = net.Refine([.. levels.Select(l => rand(2, l.Channels, l.Height, l.Width))]);
        foreach (var (level, map) in levels.Zip(refined))
            Assert.Equal([2, 2 * level.Channels, level.Height, level.Width], map.shape);
    }

    [Theory]
    [InlineData(
        false,
        18.5182234398,
        1.6100124704,
        0.2515277959,
        new[] { 8.5798274727, 0.9238370119, 1.2982970208 },
        new[] { 0.0065447273, 0.0922085030, 0.0483638356 }
    )]
    [InlineData(
        true,
        19.7820554332,
        1.7269343153,
        0.3417222678,
        new[] { 201.2181245005, 76.1569202794, 28.2634877334 },
        new[] { 0.0106453542, 0.0721236686, 0.0740132552 }
    )]
    public void Golden_5_it_answers_as_published(
        bool training,
        double total,
        double own,
        double divergence,
        double[] sums,
        double[] attention
    )
    {
        var (net, features) = Published();
        net.train(training);
        var refined = net.Refine(features);
        var logits = net.Classify(refined[^1]).Logits;
        Tensor[] t = [.. refined.Select(map => map.relu())];
        for (var i = 0; i < 3; i++)
        {
            Close(sums[i], t[i].sum());
            Close(attention[i], FrskdMath.Attention(features[i], t[i]));
        }
        var z = arange(10, ScalarType.Float64).cos().view(2, 5);
        var y = tensor(new long[] { 1, 3 });
        Close(own, nn.functional.cross_entropy(logits, y));
        Close(1.6934487849, nn.functional.cross_entropy(z, y));
        Close(divergence, KdMath.KlDivergence(z, logits, 4));
        var maps = features.Zip(t, FrskdMath.Attention).Aggregate((a, b) => a + b);
        var sum =
            nn.functional.cross_entropy(z, y)
            + nn.functional.cross_entropy(logits, y)
            + KdMath.KlDivergence(z, logits, 4) * 2
            + maps * 100;
        Close(total, sum);
        if (!training)
            foreach (var (expected, i) in First.Select((value, i) => (value, i)))
                Close(expected, logits[0, i]);
    }

    private static readonly double[] First = [0.0233342057, 0.0047871799, -0.0247272753, 0.0024084589, 0.0240264136];

    [Fact]
    public void Gradients_are_those_of_finite_differences()
    {
        var (net, features) = Published();
        net.eval();
        // Beside the kinks of the ReLUs.
        Tensor[] maps = [.. features.Select(f => f + 0.05)];
        Tensor Objective(Tensor middle)
        {
            var refined = net.Refine([maps[0], middle, maps[2]]);
            return net.Classify(refined[^1]).Logits.square().sum() + refined[0].relu().square().mean();
        }
        Assert.True(GradientCheck.Error(Objective, maps[1], 1e-6) < 1e-7);
    }

    // Channels 2, 3, 4; weights 0.5 sin(k + 1); F_i = relu(sin(0.7 k)).
    private static (SelfTeacher, Tensor[]) Published()
    {
        Level[] levels = [Level(1, 2, 8, 8), Level(2, 3, 4, 4), Level(3, 4, 2, 2)];
        var net = new SelfTeacher(levels, Of(), 5);
        net.to(ScalarType.Float64);
        Assert.Equal(1250, net.parameters().Sum(p => p.numel()));
        using (no_grad())
            foreach (var (name, p) in net.named_parameters())
                if (p.dim() > 1)
                    p.copy_(arange(1, p.numel() + 1, ScalarType.Float64).sin().mul(0.5).view(p.shape));
                else if (name == "fc.bias")
                    p.zero_();
        Tensor Map(Level l) =>
            arange(2 * l.Channels * l.Height * l.Width, ScalarType.Float64)
                .mul(0.7)
                .sin()
                .relu()
                .view(2, l.Channels, l.Height, l.Width);
        return (net, [.. levels.Select(Map)]);
    }

    private static void Close(double expected, Tensor actual) => Assert.Equal(expected, actual.item<double>(), 2e-9);
}
