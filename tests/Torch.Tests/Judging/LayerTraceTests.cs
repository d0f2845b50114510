using TorchSharp;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Judging;

public sealed class LayerTraceTests
{
    private static (List<TracedLayer> Seen, IReadOnlyList<string> Unseen) During(nn.Module root, Action pass)
    {
        var seen = new List<TracedLayer>();
        using var trace = LayerTrace.Begin(
            () => [("net", root)],
            layer =>
            {
                seen.Add(layer);
                return false;
            }
        );
        pass();
        return (seen, trace.Unseen());
    }

    private static LayerShape Single(nn.Module<Tensor, Tensor> layer, Tensor input) =>
        Assert.Single(During(layer, () => layer.call(input).Dispose()).Seen).Shape;

    [Fact]
    public void Every_layer_of_a_network_is_named_with_what_it_computes()
    {
        using var scope = NewDisposeScope();
        using var net = nn.Sequential(
            ("first", nn.Conv2d(3, 8, 3, stride: 2, padding: 1, bias: false)),
            ("inner", nn.Sequential(("up", nn.ConvTranspose2d(8, 4, 4, stride: 2, padding: 1, output_padding: 1)))),
            ("flat", nn.Flatten()),
            ("last", nn.Linear(4 * 17 * 17, 5))
        );
        var (seen, unseen) = During(net, () => net.call(randn(16, 3, 16, 16).ToChannelsLast()));

        Assert.Empty(unseen);
        Assert.Equal(
            [("first", "Conv2d"), ("inner.up", "ConvTranspose2d"), ("last", "Linear")],
            seen.Select(l => (l.Name, l.Type))
        );
        var (first, up, last) = (seen[0].Shape, seen[1].Shape, seen[2].Shape);
        Assert.Equal(
            "convolution 3 -> 8, 3x3, stride 2, padding 1, on 4 times 16x16, Float32, channels_last",
            first.ToString()
        );
        Assert.Equal(LayerKind.Transposed, up.Kind);
        Assert.Equal([1, 1], up.OutputPadding);
        Assert.Equal(("linear 1156 -> 5, 16 rows, Float32", true), (last.ToString(), last.HasBias));
        // The images are no parameter's doing.
        Assert.Equal([false, true, true], seen.Select(l => l.Shape.NeedsInput));
        Assert.All(seen, l => Assert.True(l.Shape.NeedsWeight));
        Assert.False(first.HasBias);
        Assert.True(first.ChannelsLast);
        Assert.False(first.WeightChannelsLast);
    }

    [Fact]
    public void Without_a_graph_only_the_output_is_needed_and_a_frozen_weight_needs_no_gradient()
    {
        using var scope = NewDisposeScope();
        using var layer = nn.Linear(3, 2);
        using (no_grad())
            Assert.False(Single(layer, randn(4, 3)).NeedsWeight);
        layer.weight.requires_grad_(false);
        var through = Single(layer, randn(4, 3).requires_grad_());
        Assert.Equal((true, false), (through.NeedsInput, through.NeedsWeight));
    }

    [Fact]
    public void A_layer_that_computes_twice_counts_once_for_each_shape()
    {
        using var scope = NewDisposeScope();
        using var layer = nn.Conv2d(3, 4, 3);
        var (seen, _) = During(
            layer,
            () =>
            {
                foreach (var side in (long[])[8, 9, 8])
                    layer.call(randn(64, 3, side, side));
                layer.call(randn(32, 3, 8, 8));
            }
        );
        Assert.Equal([8, 9], seen.Select(l => l.Shape.Input[2]));
    }

    [Fact]
    public void Of_large_images_two_count_and_of_rows_64()
    {
        using var scope = NewDisposeScope();
        using var convolution = nn.Conv2d(3, 4, 3);
        using var linear = nn.Linear(3, 2);
        Assert.Equal([2, 3, 256, 256], Single(convolution, randn(16, 3, 256, 256)).Input);
        Assert.Equal([1, 3, 256, 256], Single(convolution, randn(1, 3, 256, 256)).Input);
        Assert.Equal([64, 3], Single(linear, randn(10, 20, 3)).Input);
    }

    [Fact]
    public void Autocast_is_what_a_layer_computes_in()
    {
        using var scope = NewDisposeScope();
        using var layer = nn.Linear(3, 2);
        using (Autocast.BFloat16(CPU))
            Assert.Equal(ScalarType.BFloat16, Single(layer, randn(4, 3)).Type);
        Assert.Equal(ScalarType.Float32, Single(layer, randn(4, 3)).Type);
    }

    // libtorch 2.10: padding in front of the kernel, for all modes but zeros, and where the sides of "same" differ.
    [Theory]
    [InlineData(PaddingModes.Zeros, 7, 2)]
    [InlineData(PaddingModes.Reflect, 11, 0)]
    public void What_is_padded_before_the_kernel_is_part_of_what_goes_in(PaddingModes mode, long side, long padding)
    {
        using var scope = NewDisposeScope();
        using var layer = nn.Conv2d(3, 4, 5, padding: 2, padding_mode: mode);
        var shape = Single(layer, randn(2, 3, 7, 7));
        Assert.Equal((side, padding), (shape.Input[2], shape.Padding[0]));
    }

    [Fact]
    public void Padding_to_the_same_size_is_counted()
    {
        using var scope = NewDisposeScope();
        using var layer = nn.Conv2d(3, 4, 4, padding: Padding.Same);
        var shape = Single(layer, randn(2, 3, 7, 7));
        Assert.Equal((8, 1), (shape.Input[2], shape.Padding[0]));
    }

    [Fact]
    public void Frozen_layers_tell_what_they_compute()
    {
        using var scope = NewDisposeScope();
        using var plain = nn.Conv2d(4, 6, 3, padding: 1);
        using var frozen = FrozenConv2d.From(plain, relu: true);
        using var linear = FrozenLinear.From(nn.Linear(3, 2), ScalarType.BFloat16);
        using var net = nn.Sequential(frozen, linear);
        using var grad = no_grad();
        var x = randn(8, 4, 9, 9);
        var (seen, unseen) = During(
            net,
            () =>
            {
                frozen.Forward(x);
                frozen.Forward(x, activate: false);
                frozen.ForwardAdd(x, randn(8, 6, 9, 9));
                linear.call(randn(5, 3));
            }
        );
        Assert.Empty(unseen);
        Assert.Equal(
            [(true, false), (false, false), (true, true), (false, false)],
            seen.Select(l => (l.Shape.HasRelu, l.Shape.HasResidual))
        );
        Assert.Equal(
            [LayerKind.Frozen, LayerKind.Frozen, LayerKind.Frozen, LayerKind.Linear],
            seen.Select(l => l.Shape.Kind)
        );
        Assert.Equal(ScalarType.BFloat16, seen[3].Shape.Type);
    }

    [Fact]
    public void A_product_past_a_modules_own_call_is_taken_for_the_layer_it_names()
    {
        using var scope = NewDisposeScope();
        using var layer = nn.Conv2d(4, 6, 1);
        using var net = nn.Sequential(layer);
        var (seen, unseen) = During(
            net,
            () => LayerTrace.Linear(layer, randn(2, 5, 4), layer.weight.reshape(6, 4), layer.bias)
        );
        Assert.Empty(unseen);
        Assert.Equal("linear 4 -> 6, 10 rows, Float32", Assert.Single(seen).Shape.ToString());
    }

    [Fact]
    public void What_does_not_compute_and_what_computes_unseen_is_named()
    {
        using var scope = NewDisposeScope();
        using var net = new Mixed();
        var (seen, unseen) = During(net, () => net.a.call(randn(2, 3)));
        Assert.Equal("a", Assert.Single(seen).Name);
        Assert.Equal(["net: b (Linear)", "net: c (GRU)"], unseen);
    }

    [Fact]
    public void A_layer_that_computes_stands_for_its_like_in_another_network()
    {
        using var scope = NewDisposeScope();
        using var one = nn.Sequential(("a", nn.Linear(3, 3)));
        using var like = nn.Sequential(("a", nn.Linear(3, 3)));
        using var wider = nn.Sequential(("a", nn.Linear(3, 4)));
        using var trace = LayerTrace.Begin(() => [("one", one), ("like", like), ("wider", wider)], _ => false);
        one.call(randn(2, 3));
        Assert.Equal(["wider: a (Linear)"], trace.Unseen());
    }

    [Fact]
    public void What_a_watcher_throws_comes_out_before_the_layer_computes_and_no_hook_is_left()
    {
        using var scope = NewDisposeScope();
        using var layer = nn.Linear(3, 2);
        var told = 0;
        using (
            LayerTrace.Begin(
                () => [("net", layer)],
                _ =>
                {
                    told++;
                    throw new InvalidOperationException("wrong");
                }
            )
        )
            Assert.Throws<InvalidOperationException>(() => layer.call(randn(2, 3)));
        layer.call(randn(3, 3));
        Assert.Equal(1, told);
    }

    [Fact]
    public void A_shape_reads_back_from_its_text()
    {
        using var scope = NewDisposeScope();
        using var layer = nn.Conv2d(4, 6, (3, 5), stride: (2, 1), dilation: (1, 2), groups: 2);
        var shape = Single(layer, randn(2, 4, 16, 16));
        Assert.Equal(shape.ToJson(), LayerShape.Parse(shape.ToJson())!.ToJson());
        Assert.Equal(shape.ToString(), LayerShape.Parse(shape.ToJson())!.ToString());
        Assert.Null(LayerShape.Parse("{}"));
        Assert.Null(LayerShape.Parse("no"));
    }

    private sealed class Mixed : nn.Module
    {
        internal readonly Linear a = nn.Linear(3, 3);
        internal readonly Linear b = nn.Linear(3, 2);
        internal readonly GRU c = nn.GRU(3, 4);

        internal Mixed()
            : base(nameof(Mixed)) => RegisterComponents();
    }
}
