using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using TorchSharp;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Models.Tests;

/// <summary>What every family promises.</summary>
public class ZooBehaviourTests
{
    public static TheoryData<string> Members =>
        [
            "resnet18-narrow",
            "resnet18-imagenet-narrow",
            "resnet50-narrow",
            "convnet-instance",
            "convnet-plain",
            "wrn_10_1",
            "wrn_16_1-dropout",
            "vgg8-plain",
            "alexnet",
            "mobile_half",
            "mobilenet-2",
            "shuffle-g2",
            "efficientnet-drop",
            "resnet14x4",
        ];

    [Theory]
    [MemberData(nameof(Members))]
    public void Taps_have_their_shapes_and_signs_and_asking_for_them_changes_no_number(string member)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var network = Zoo.Disturbed(member, 2);
        var x = randn(2, 3, 32, 32);
        var plain = network.Forward(x, null, null);
        var all = network.Forward(x, null, network.Shape.Taps.Select(t => t.Name).ToArray());
        Assert.Empty(plain.Features);
        Assert.Equal([2, 7], plain.Logits.shape);
        Assert.Equal([2, network.Shape.Embedding], plain.Embedding.shape);
        Assert.Equal(plain.Logits.data<float>().ToArray(), all.Logits.data<float>().ToArray());
        Assert.Equal(plain.Logits.data<float>(), ((StagedNet)network.Module).call(x).data<float>());
        foreach (var tap in network.Shape.Taps)
        {
            var value = all.Feature(tap.Name);
            Assert.Equal([2, .. tap.Shape], value.shape);
            if (tap.Name != "pooled")
                Assert.Equal(tap.IsPreActivation, value.min().item<float>() < 0);
            var one = network.Forward(x, null, [tap.Name]);
            Assert.Equal([tap.Name], one.Features.Keys);
            Assert.True(one.Feature(tap.Name).equal(value).all().item<bool>());
        }
        Assert.Throws<KdException>(() => network.Forward(x, null, ["layer9"]));
    }

    [Theory]
    [MemberData(nameof(Members))]
    public void Single_and_double_precision_give_the_same_values(string member)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var network = Zoo.Disturbed(member, 3);
        var x = randn(2, 3, 32, 32);
        var plain = network.Forward(x, null, null).Logits;
        network.Module.to(ScalarType.Float64);
        var exact = network.Forward(x.to(ScalarType.Float64), null, null).Logits;
        Assert.Equal(ScalarType.Float64, exact.dtype);
        Assert.InRange(Error(plain, exact), 0, 2e-5);
        network.Module.ToChannelsLast();
        var last = network.Forward(x.to(ScalarType.Float64).ToChannelsLast(), null, null).Logits;
        Assert.InRange(Error(last, exact), 0, 1e-10);
    }

    // The engine's layout: values and gradients of a batch that is large enough for every kernel. A value that rounding
    // moves over the kink of a ReLU changes a gradient by more than rounding does; a wrong kernel changes it tenfold.
    [Theory]
    [MemberData(nameof(Members))]
    [InlineData("resnet10", 4)]
    public void Single_precision_gives_the_same_values_and_gradients_in_the_other_layout(string member, int batch = 16)
    {
        using var scope = NewDisposeScope();
        var network = Zoo.Disturbed(member, 3);
        var x = randn(batch, 3, 32, 32);
        var reference = Zoo.Disturbed(member, 3);
        reference.Module.to(ScalarType.Float64);
        network.Module.ToChannelsLast();
        var (value, exact) = (
            network.Forward(x.ToChannelsLast(), null, null).Logits,
            reference.Forward(x.to(ScalarType.Float64), null, null).Logits
        );
        Assert.InRange(Error(value, exact), 0, 2e-5);
        var direction = randn_like(exact);
        value.backward([direction.to(ScalarType.Float32)]);
        exact.backward([direction]);
        Assert.InRange(Error(Gradient(network), Gradient(reference)), 0, 1e-2);
    }

    private static Tensor Gradient(INetwork network) =>
        cat([.. network.Module.parameters().Where(p => p.grad is not null).Select(p => p.grad!.reshape(-1))]);

    private static double Error(Tensor value, Tensor exact) =>
        ((value.to(ScalarType.Float64) - exact).norm() / exact.norm()).item<double>();

    [Theory]
    [MemberData(nameof(Members))]
    public void Training_moves_every_parameter_that_is_used_and_leaves_no_tensor_behind(string member)
    {
        random.manual_seed(4);
        using var outer = NewDisposeScope();
        var network = Zoo.Create(member, 5);
        network.Module.ToChannelsLast();
        var taps = network.Shape.Taps.Select(t => t.Name).ToArray();
        void Step()
        {
            using var scope = NewDisposeScope();
            var output = network.Forward(randn(4, 3, 32, 32).ToChannelsLast(), null, taps);
            var loss =
                output.Logits.square().sum()
                + output.Features.Values.Select(f => f.square().mean()).Aggregate((a, b) => a + b);
            loss.backward();
        }
        Step();
        // The first block of EfficientNet has a convolution that published code never calls either.
        var unused = network.Module.named_parameters().Where(p => p.parameter.grad is null).Select(p => p.name);
        Assert.Equal(
            member.StartsWith("efficientnet")
                ? ["layers.0.bn1.bias", "layers.0.bn1.weight", "layers.0.conv1.weight"]
                : [],
            unused.Order()
        );
        Assert.All(
            network.Module.parameters().Where(p => p.grad is not null),
            p => Assert.True(p.grad!.isfinite().all().item<bool>())
        );
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Step();
        Step();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Theory]
    [MemberData(nameof(Members))]
    public void Cut_anywhere_the_two_parts_give_what_the_whole_gives(string member)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var network = Zoo.Disturbed(member, 5);
        var x = randn(2, 3, 32, 32);
        var whole = network.Forward(x, null, ["pooled", network.Cuts[^1]]);
        Assert.NotEmpty(network.Cuts);
        foreach (var cut in network.Cuts)
        {
            var value = network.ForwardTo(cut, x);
            Assert.Equal([2, .. network.Shape.Tap(cut).Shape], value.shape);
            var before = value.clone();
            var rest = network.ForwardFrom(cut, value, ["pooled"]);
            Assert.True(rest.Logits.equal(whole.Logits).all().item<bool>());
            Assert.True(value.equal(before).all().item<bool>());
        }
        Assert.True(network.ForwardTo(network.Cuts[^1], x).equal(whole.Feature(network.Cuts[^1])).all().item<bool>());
        Assert.Contains(network.Cuts[0], Assert.Throws<KdException>(() => network.ForwardTo("pooled", x)).Message);
    }

    [Theory]
    [MemberData(nameof(Members))]
    public void A_cloned_tail_starts_equal_and_goes_its_own_way(string member)
    {
        using var scope = NewDisposeScope();
        var network = Zoo.Disturbed(member, 6);
        var cut = network.Cuts[^1];
        random.manual_seed(60);
        var draw = rand(1).item<float>();
        random.manual_seed(60);
        var tail = network.CloneTail(cut);
        Assert.Equal(draw, rand(1).item<float>());
        Assert.False(tail.Module.training);
        var value = network.ForwardTo(cut, randn(2, 3, 32, 32)).detach();
        var expected = network.ForwardFrom(cut, value, ["pooled"]);
        var actual = tail.Forward(value, null, ["pooled"]);
        Assert.True(actual.Logits.equal(expected.Logits).all().item<bool>());
        Assert.Equal(network.Shape.Tap(cut).Shape, tail.Shape.Input);
        Assert.Equal(network.Shape.Classes, tail.Shape.Classes);
        Assert.DoesNotContain(tail.Shape.Taps, t => t.Name == cut);
        var names = network.Module.named_parameters().Select(p => p.name).ToHashSet();
        Assert.All(tail.Module.named_parameters(), p => Assert.Contains(p.name, names));
        Assert.True(tail.Parameters() < network.Parameters());
        actual.Logits.sum().backward();
        Assert.All(network.Module.parameters(), p => Assert.Null(p.grad));
        using (no_grad())
            foreach (var p in tail.Module.parameters())
                p.zero_();
        Assert.True(network.ForwardFrom(cut, value, []).Logits.equal(expected.Logits).all().item<bool>());
    }

    [Theory]
    [MemberData(nameof(Members))]
    public void Weights_go_to_a_file_and_into_another_network(string member)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var (first, second) = (Zoo.Disturbed(member, 7), Zoo.Disturbed(member, 8));
        var file = Path.Combine(Path.GetTempPath(), $"zoo-{Guid.NewGuid():N}.safetensors");
        try
        {
            ModuleWeights.Save(first.Module, file);
            Assert.True(ModuleWeights.Load(second.Module, file).IsComplete);
        }
        finally
        {
            File.Delete(file);
        }
        var x = randn(1, 3, 32, 32);
        Assert.True(first.Forward(x, null, null).Logits.equal(second.Forward(x, null, null).Logits).all().item<bool>());
    }

    [Theory]
    [MemberData(nameof(Members))]
    public void Equal_seeds_make_equal_networks_and_other_seeds_others(string member)
    {
        using var scope = NewDisposeScope();
        float[] Values(int seed)
        {
            random.manual_seed(seed);
            return [.. Zoo.Create(member).Module.parameters().SelectMany(p => p.view(-1)[..1].data<float>().ToArray())];
        }
        Assert.Equal(Values(9), Values(9));
        Assert.NotEqual(Values(9), Values(10));
    }

    [Theory]
    [InlineData("resnet18", 4)]
    [InlineData("resnet18-imagenet", 31)]
    [InlineData("convnet", 7)]
    [InlineData("vgg11-features", 31)]
    [InlineData("mobile_half", 15)]
    [InlineData("efficientnet", 16)]
    public void Images_that_are_too_small_are_refused(string member, long side)
    {
        var failure = Assert.Throws<KdException>(() => Zoo.Create(member, 10, side));
        Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
        Assert.Contains($"[3, {side}, {side}]", failure.Message);
    }

    [Fact]
    public void Sequences_and_data_without_classes_are_refused()
    {
        Assert.Contains(
            "[-1]",
            Assert.Throws<KdException>(() => Zoo.Create(new VggPlugin(), new VggOptions(), [-1], 10)).Message
        );
        Assert.Contains("class", Assert.Throws<KdException>(() => Zoo.Create("wrn_10_1", 0)).Message);
    }

    [Fact]
    public void Oblong_images_of_one_channel_are_taken()
    {
        using var scope = NewDisposeScope();
        var network = Zoo.Create(new ConvNetPlugin(), new ConvNetOptions { Widths = [4, 8] }, [1, 28, 20], 3);
        Assert.Equal([2, 3], network.Forward(randn(2, 1, 28, 20), null, null).Logits.shape);
        Assert.Equal(8 * 7 * 5, network.Shape.Embedding);
    }

    [Theory]
    [InlineData(new int[] { })]
    [InlineData(new[] { 0 })]
    [InlineData(new[] { 8, 8, 8, 8, 8, 8, 8 })]
    public void Widths_out_of_bounds_do_not_pass_validation(int[] widths)
    {
        var options = new ConvNetOptions { Widths = widths };
        Assert.False(Validator.TryValidateObject(options, new ValidationContext(options), null, true));
    }

    [Fact]
    public void Norms_can_be_hooked_by_name_and_every_used_one_fires_on_its_input()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var network = Zoo.Disturbed("mobilenet-2", 11);
        var seen = new List<string>();
        foreach (var (name, module) in network.Module.named_modules())
            if (module is BatchNorm2d norm)
                norm.register_forward_pre_hook(
                    (_, input) =>
                    {
                        Assert.Equal(norm.weight.shape[0], input.shape[1]);
                        seen.Add(name);
                        return input;
                    }
                );
        network.Forward(randn(2, 3, 32, 32), null, null);
        Assert.Equal(57, seen.Distinct().Count());
        Assert.Equal("bn1", seen[0]);
    }

    [Fact]
    public void Zero_initialised_residual_blocks_begin_as_the_identity()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var network = Zoo.Create("resnet18-zero");
        network.Module.eval();
        var output = network.Forward(randn(2, 3, 32, 32), null, ["stem", "layer1"]);
        Assert.True(output.Feature("stem").equal(output.Feature("layer1")).all().item<bool>());
    }

    [Fact]
    public void Published_initialisations_have_their_deviations()
    {
        using var scope = NewDisposeScope();
        random.manual_seed(12);
        foreach (var member in (string[])["resnet18", "wrn_40_2", "vgg13", "mobile_half"])
        {
            var network = Zoo.Create(member, 100);
            foreach (var c in network.Module.modules().OfType<Conv2d>().Where(c => c.weight.numel() > 2000))
            {
                var n = c.weight.numel();
                var expected = Math.Sqrt(2.0 / (c.weight.shape[0] * c.weight.shape[2] * c.weight.shape[3]));
                Assert.InRange(
                    c.weight.std().item<float>() / expected,
                    1 - 5 / Math.Sqrt(2 * n),
                    1 + 5 / Math.Sqrt(2 * n)
                );
            }
            var linear = network.Module.modules().OfType<Linear>().Single();
            if (member is "vgg13" or "mobile_half")
                Assert.InRange(linear.weight.std().item<float>(), 0.0098, 0.0102);
            if (member != "resnet18")
                Assert.All(linear.bias!.data<float>(), b => Assert.Equal(0, b));
        }
    }

    // A sample whose branch is dropped passes a block unchanged; the others' branches are scaled.
    [Fact]
    public void Stochastic_depth_changes_training_only()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        random.manual_seed(13);
        var network = Zoo.Create("efficientnet-drop");
        var x = randn(1, 3, 32, 32).expand(32, -1, -1, -1);
        network.Module.eval();
        var even = network.Forward(x, null, ["layer4"]).Feature("layer4");
        Assert.True(even.allclose(even[..1].expand_as(even), 1e-4, 1e-5));
        network.Module.train();
        var uneven = network.Forward(x, null, ["layer4"]).Feature("layer4");
        Assert.False(uneven.allclose(uneven[..1].expand_as(uneven), 1e-4, 1e-5));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Shuffling_interleaves_the_groups_in_both_layouts(int groups)
    {
        using var scope = NewDisposeScope();
        var x = arange(2 * 6 * 4).reshape(2, 6, 2, 2).to(ScalarType.Float32);
        var expected = x.clone();
        for (var c = 0; c < 6 / groups; c++)
        for (var g = 0; g < groups; g++)
            expected[TensorIndex.Colon, c * groups + g] = x[TensorIndex.Colon, g * (6 / groups) + c];
        Assert.True(ShuffleNetV1.Shuffle(x, groups).equal(expected).all().item<bool>());
        var last = ShuffleNetV1.Shuffle(x.ToChannelsLast(), groups);
        Assert.True(last.equal(expected).all().item<bool>());
        Assert.True(last.IsChannelsLast());
    }
}
