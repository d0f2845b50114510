using TorchSharp;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Judging;

/// <summary>Layers that compute products in place of libtorch's kernels, against the same layers in double precision.</summary>
public sealed class DetourTests
{
    public static TheoryData<string> Layers => [.. Made.Keys];

    private static readonly Dictionary<string, (Func<nn.Module<Tensor, Tensor>> Make, long[] Input)> Made = new()
    {
        ["one dimension"] = (() => nn.Conv1d(3, 4, 3, stride: 2, padding: 1, dilation: 2), [2, 3, 11]),
        ["groups"] = (
            () => nn.Conv2d(4, 6, (3, 2), stride: (2, 1), padding: (1, 0), groups: 2, bias: false),
            [3, 4, 7, 6]
        ),
        ["reflected"] = (() => nn.Conv2d(3, 4, 3, padding: 2, padding_mode: PaddingModes.Reflect), [2, 3, 6, 5]),
        ["same size"] = (() => nn.Conv2d(3, 4, (4, 3), padding: Padding.Same), [2, 3, 6, 5]),
        ["three dimensions"] = (() => nn.Conv3d(2, 3, (2, 2, 1), padding: (1, 0, 0)), [2, 2, 3, 4, 3]),
        ["transposed"] = (
            () => nn.ConvTranspose2d(4, 6, 3, stride: 2, padding: 1, output_padding: 1, groups: 2, dilation: 2),
            [2, 4, 3, 4]
        ),
        ["linear"] = (() => nn.Linear(5, 3), [2, 4, 5]),
    };

    private static Tensor[] Compute(nn.Module<Tensor, Tensor> layer, Tensor x)
    {
        layer.zero_grad();
        var given = x.detach().requires_grad_();
        var y = layer.call(given);
        // A gradient that is not the same everywhere.
        (y.to(ScalarType.Float64) * arange(y.numel(), ScalarType.Float64).reshape(y.shape).cos())
            .sum()
            .backward();
        return [y, given.grad!, .. layer.parameters().Select(p => p.grad!)];
    }

    private static void AssertClose(IReadOnlyList<Tensor> expected, IReadOnlyList<Tensor> actual, double share)
    {
        Assert.Equal(expected.Count, actual.Count);
        foreach (var (right, got) in expected.Zip(actual))
        {
            Assert.Equal(right.shape, got.shape);
            var off = (got.to(ScalarType.Float64) - right.to(ScalarType.Float64)).abs().max() / right.abs().max();
            Assert.InRange(off.ToDouble(), 0, share);
        }
    }

    [Theory]
    [MemberData(nameof(Layers))]
    public void A_product_gives_what_the_layer_gives_in_double_precision(string name)
    {
        using var scope = NewDisposeScope();
        using var own = RandomScope.Use(5);
        var (make, size) = Made[name];
        using var layer = make();
        var x = randn(size);
        var batches = new List<long>();
        Tensor[] actual;
        using (LayerTrace.Begin(() => [("net", layer)], _ => true))
        {
            // Behind ours: what libtorch is given.
            using var _ = Watch(layer, batches.Add);
            actual = [.. Compute(layer, x).Select(t => t.clone())];
        }
        Assert.Equal([0], batches);
        Assert.Equal(ScalarType.Float32, actual[0].dtype);
        layer.to(ScalarType.Float64);
        AssertClose(Compute(layer, x.to(ScalarType.Float64)), actual, 5e-6);
    }

    [Fact]
    public void Under_autocast_it_is_bf16_rounded_once()
    {
        using var scope = NewDisposeScope();
        using var own = RandomScope.Use(5);
        using var layer = nn.Conv2d(32, 8, 3);
        var x = randn(2, 32, 8, 8).ToChannelsLast();
        Tensor y;
        using (LayerTrace.Begin(() => [("net", layer)], _ => true))
        using (Autocast.BFloat16(CPU))
            y = layer.call(x);
        Assert.Equal((ScalarType.BFloat16, true), (y.dtype, y.IsChannelsLast()));
        var exact = layer.to(ScalarType.Float64).call(x.to(ScalarType.Float64));
        // Half a unit in the last of eight places.
        var off = ((y.to(ScalarType.Float64) - exact).abs() / exact.abs()).max().ToDouble();
        Assert.InRange(off, 0, 1.01 / 256);
    }

    [Fact]
    public void Only_the_layers_that_are_named_and_only_until_it_ends()
    {
        using var scope = NewDisposeScope();
        using var first = nn.Sequential(("a", nn.Linear(3, 3)), ("b", nn.Linear(3, 3)));
        using var other = nn.Sequential(("a", nn.Linear(3, 3)));
        var batches = new List<string>();
        var roots = new List<(string, nn.Module)> { ("first", first), ("other", other) };
        var layers = new HashSet<(string, string)> { ("first", "a"), ("other", "a"), ("other", "none") };
        using (LayerDetours.Begin(() => roots, layers))
        {
            using var one = Watch((nn.Module<Tensor, Tensor>)first[0], n => batches.Add($"a {n}"));
            using var two = Watch((nn.Module<Tensor, Tensor>)first[1], n => batches.Add($"b {n}"));
            using var three = Watch((nn.Module<Tensor, Tensor>)other[0], n => batches.Add($"other {n}"));
            first.call(randn(2, 3));
            other.call(randn(2, 3));
            // Nothing of double precision is in doubt.
            other.to(ScalarType.Float64).call(randn(2, 3, ScalarType.Float64));
        }
        Assert.Equal(["a 0", "b 2", "other 0", "other 2"], batches);
        using var after = Watch((nn.Module<Tensor, Tensor>)first[0], n => batches.Add($"a {n}"));
        first.call(randn(2, 3));
        Assert.Equal("a 2", batches[^1]);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void A_frozen_convolution_computes_one_with_what_follows_it(bool relu, bool residual)
    {
        using var scope = NewDisposeScope();
        using var own = RandomScope.Use(5);
        using var plain = nn.Conv2d(4, 6, 3, padding: 1);
        using var frozen = FrozenConv2d.From(plain, relu: relu);
        using var exact = FrozenConv2d.From(plain, relu: relu, dtype: ScalarType.Float64);
        using var grad = no_grad();
        var (x, other) = (randn(2, 4, 9, 9), residual ? randn(2, 6, 9, 9) : null);
        Tensor Of(FrozenConv2d layer) => other is null ? layer.Forward(x) : layer.ForwardAdd(x, other);
        var ours = Of(frozen);
        var asked = 0;
        using (
            LayerDetours.Begin(
                () =>
                {
                    asked++;
                    return [("teacher, frozen", frozen)];
                },
                new HashSet<(string, string)> { ("teacher, frozen", "") }
            )
        )
        {
            var product = Of(frozen);
            AssertClose([Of(exact)], [product], 1e-6);
            // Sums in another order: it is not the kernel's.
            Assert.False(ours.equal(product).all().item<bool>());
            // Once to begin, once for what it does not know.
            Of(exact);
            Assert.Equal(2, asked);
        }
        Assert.True(ours.equal(Of(frozen)).all().item<bool>());
    }

    private static Hook Watch(nn.Module<Tensor, Tensor> layer, Action<long> seen)
    {
        Tensor See(Tensor x)
        {
            seen(x.shape[0]);
            return x;
        }

        return layer switch
        {
            Linear linear => new(linear.register_forward_pre_hook((_, x) => See(x)).remove),
            Convolution convolution => new(convolution.register_forward_pre_hook((_, x) => See(x)).remove),
            _ => throw new ArgumentException("No such layer.", nameof(layer)),
        };
    }

    private sealed record Hook(Action Remove) : IDisposable
    {
        public void Dispose() => Remove();
    }
}
