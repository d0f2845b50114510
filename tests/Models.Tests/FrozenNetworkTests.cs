using KdPlugins.Core;
using KdPlugins.Tests;
using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Models.Tests;

/// <summary>Every network of the zoo answers frozen as it does in evaluation mode.</summary>
public class FrozenNetworkTests
{
    public static TheoryData<string> Members
    {
        get
        {
            var members = ZooBehaviourTests.Members;
            foreach (var member in (string[])["resnet8", "convnet-max", "vgg11-features"])
                members.Add(member);
            return members;
        }
    }

    // The measure is the plain network in float64. Folding rounds each weight once more and fuses some roundings away:
    // the frozen network may be no further off than twice the plain one in the same precision (and eight roundings of
    // float32, where the plain one happens to be better than that).
    private const double Floor = 8.0 / (1 << 24);

    private static double Error(Tensor actual, Tensor exact) =>
        ((actual.to(ScalarType.Float64) - exact).norm() / exact.norm()).item<double>();

    private static string[] Taps(INetwork network) => [.. network.Shape.Taps.Select(tap => tap.Name)];

    [SkippableTheory]
    [MemberData(nameof(Members))]
    public void It_is_as_exact_as_the_plain_network_in_outputs_and_taps(string member)
    {
        LibTorchFaults.SkipWhereConvolutionsAreWrong();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var network = Zoo.Disturbed(member, 7);
        var taps = Taps(network);
        var x = randn(2, 3, 32, 32);
        var reference = Zoo.Disturbed(member, 7);
        reference.Module.to(ScalarType.Float64);
        var exact = reference.Forward(x.to(ScalarType.Float64), null, taps);
        network.Module.ToChannelsLast();
        // Where bf16 is not native nothing is frozen in it, and it takes many times as long: some members are enough there.
        var narrow = Autocast.IsNativeOnCpu || member is "resnet8" or "convnet-max";
        foreach (var dtype in narrow ? (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16] : [ScalarType.Float32])
        {
            ModelOutput plain;
            using (dtype == ScalarType.BFloat16 ? Autocast.BFloat16(CPU) : null)
                plain = network.Forward(x.ToChannelsLast(), null, taps);
            var frozen = network.Freeze(dtype);
            Assert.Same(network.Shape, frozen.Shape);
            foreach (var input in (Tensor[])[x, x.ToChannelsLast()])
            {
                var output = frozen.Forward(input, null, taps);
                void AsExact(Tensor actual, Func<ModelOutput, Tensor> of, ScalarType expected)
                {
                    Assert.Equal(expected, actual.dtype);
                    Assert.Equal(of(exact).shape, actual.shape);
                    Assert.InRange(Error(actual, of(exact)), 0, 2 * Error(of(plain), of(exact)) + Floor);
                }
                AsExact(output.Logits, o => o.Logits, ScalarType.Float32);
                AsExact(output.Embedding, o => o.Embedding, ScalarType.Float32);
                foreach (var tap in taps)
                    AsExact(output.Feature(tap), o => o.Feature(tap), tap == "pooled" ? ScalarType.Float32 : dtype);
                // Without the taps, sums and ReLUs are fused that taps keep apart.
                AsExact(frozen.Forward(input, null, null).Logits, o => o.Logits, ScalarType.Float32);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Members))]
    public void In_double_precision_values_and_gradients_of_images_are_those_of_the_plain_network(string member)
    {
        using var scope = NewDisposeScope();
        // libtorch's convolutions in double precision are slow: the smallest images.
        var side = member switch
        {
            "resnet18-imagenet-narrow" or "vgg11-features" or "efficientnet-drop" => 32,
            "mobile_half" or "mobilenet-2" or "shuffle-g2" => 16,
            _ => 8,
        };
        var network = Zoo.Disturbed(member, 8, side);
        network.Module.to(ScalarType.Float64);
        var frozen = network.Freeze(ScalarType.Float64);
        var image = randn(2, 3, side, side, ScalarType.Float64);
        (Tensor Logits, Tensor Gradient) Ask(INetwork of)
        {
            var x = image.clone().requires_grad_();
            var logits = of.Forward(x, null, null).Logits;
            logits.square().sum().backward();
            return (logits, x.grad!);
        }
        var (expected, actual) = (Ask(network), Ask(frozen));
        Assert.InRange(Error(actual.Logits, expected.Logits), 0, 1e-10);
        Assert.InRange(Error(actual.Gradient, expected.Gradient), 0, 1e-10);
    }

    [Theory]
    [MemberData(nameof(Members))]
    public void Freezing_draws_nothing_and_copies_everything(string member)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var network = Zoo.Disturbed(member, 9);
        // Dropout and batch statistics belong to training, whatever mode the network is in when it is frozen.
        network.Module.train();
        using var watch = DrawWatch.Begin();
        var frozen = network.Freeze(ScalarType.Float32);
        Assert.False(watch.HasDrawn);
        var x = randn(2, 3, 32, 32);
        network.Module.eval();
        var expected = network.Forward(x, null, null).Logits;
        network.Module.train();
        var before = frozen.Forward(x, null, null).Logits;
        Assert.InRange(Error(before, expected.to(ScalarType.Float64)), 0, 1e-3);
        Assert.DoesNotContain(frozen.Module.parameters(), parameter => parameter.requires_grad);
        foreach (var tensor in network.Module.parameters().Concat(network.Module.buffers()))
            tensor.zero_();
        network.Module.Dispose();
        Assert.True(frozen.Forward(x, null, null).Logits.equal(before).all().item<bool>());
    }

    [Theory]
    [MemberData(nameof(Members))]
    public void Only_the_taps_asked_for_come_back_and_nothing_is_left_behind(string member)
    {
        using var outer = NewDisposeScope();
        using var noGrad = no_grad();
        var network = Zoo.Disturbed(member, 10);
        var frozen = network.Freeze(ScalarType.Float32);
        var taps = Taps(network);
        void Use()
        {
            using var scope = NewDisposeScope();
            var x = randn(2, 3, 32, 32);
            var before = x.clone();
            Assert.Empty(frozen.Forward(x, null, null).Features);
            var all = frozen.Forward(x, null, taps);
            foreach (var tap in (string[])[taps[0], taps[^2]])
            {
                var one = frozen.Forward(x, null, [tap]);
                Assert.Equal([tap], one.Features.Keys);
                Assert.True(one.Feature(tap).allclose(all.Feature(tap), 1e-4, 1e-5));
            }
            Assert.True(x.equal(before).all().item<bool>());
            Assert.Throws<KdException>(() => frozen.Forward(x, null, ["layer9"]));
        }
        Use();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Use();
        Use();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        GC.Collect();
        network.Freeze(ScalarType.Float32).Module.Dispose();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    // Not by accident equal: the convolutions of the frozen form are the fused ones, norms behind convolutions are gone.
    [Theory]
    [InlineData("resnet8", 0)]
    [InlineData("resnet18-narrow", 0)]
    [InlineData("efficientnet-drop", 0)]
    [InlineData("convnet-instance", 2)]
    [InlineData("wrn_10_1", 4)]
    public void Convolutions_take_in_the_norms_behind_them(string member, int normsLeft)
    {
        var network = Zoo.Disturbed(member, 11);
        var modules = network.Freeze(ScalarType.Float32).Module.modules().ToList();
        Assert.Equal(network.Module.modules().OfType<Conv2d>().Count(), modules.OfType<FrozenConv2d>().Count());
        Assert.Empty(modules.OfType<Conv2d>());
        Assert.Single(modules.OfType<FrozenLinear>());
        Assert.Equal(normsLeft, modules.Count(m => m is BatchNorm2d or GroupNorm));
    }
}
