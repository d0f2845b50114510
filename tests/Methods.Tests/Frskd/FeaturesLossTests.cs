using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Frskd.Tests;

/// <summary>The loss "frskd-features": its levels, its adapters, and what it refuses.</summary>
public sealed class FeaturesLossTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static FeaturesLoss Loss(FeatureForm form) =>
        Stubs.Plugin<FeaturesLoss>(new FeaturesOptions { Form = form });

    private static NetworkShape Shape(int channels, int side = 4) =>
        new(
            [3, 8, 8],
            5,
            0,
            [
                new("layer1.preact", [channels, 2 * side, 2 * side], true),
                new("layer1", [channels, 2 * side, 2 * side], false),
                new("layer2.preact", [2 * channels, side, side], true),
                new("layer2", [2 * channels, side, side], false),
            ]
        );

    private static LossBinding Binding(NetworkShape student, NetworkShape teacher) =>
        new(
            new Dictionary<string, NetworkShape> { ["student"] = student, ["teacher"] = teacher },
            Stubs.Data([3, 8, 8], 5),
            10,
            CPU
        );

    private static Dictionary<string, Tensor> Maps(NetworkShape shape) =>
        shape.Taps.ToDictionary(t => t.Name, t => randn([2, .. t.Shape], ScalarType.Float64));

    private static LossContextStub Context(Dictionary<string, Tensor> student, Dictionary<string, Tensor> teacher)
    {
        Batch batch = new(zeros(2, 1), new NoTarget(2), arange(2, ScalarType.Int64));
        return new(Stubs.Output(zeros(2, 5), null, student), Stubs.Output(zeros(2, 5), null, teacher), batch);
    }

    [Fact]
    public void Attention_compares_rectified_maps_level_by_level()
    {
        var (own, other) = (Shape(2), Shape(3));
        var loss = Loss(FeatureForm.Attention);
        loss.Bind(Binding(own, other));
        Assert.Null(loss.Module);
        Assert.Equal(["layer1", "layer2"], loss.Taps("student", own));
        Assert.Equal(["layer1", "layer2"], loss.Taps("teacher", other));
        Assert.Empty(loss.Taps("bystander", other));
        var (student, teacher) = (Maps(own), Maps(other));
        var expected =
            FrskdMath.Attention(student["layer1"].relu(), teacher["layer1"])
            + FrskdMath.Attention(student["layer2"].relu(), teacher["layer2"]);
        Assert.Equal(expected.item<double>(), loss.Compute(Context(student, teacher)).item<double>(), 1e-12);
    }

    [Fact]
    public void Fit_compares_values_behind_an_adapter_with_norm_and_relu()
    {
        var (own, other) = (Shape(2), Shape(3));
        var loss = Loss(FeatureForm.Fit);
        loss.Bind(Binding(own, other));
        loss.Module!.to(ScalarType.Float64).eval();
        Assert.Equal(2 * 3 + 2 * 3 + 4 * 6 + 2 * 6, loss.Module!.parameters().Sum(p => p.numel()));
        var (student, teacher) = (Maps(own), Maps(other));
        var expected = 0.0;
        foreach (var (i, tap) in new[] { (0, "layer1"), (1, "layer2") })
        {
            var weight = loss.Module!.get_parameter($"level.{i}.conv.weight")!;
            var adapted = nn.functional.conv2d(student[tap].relu(), weight).div(Math.Sqrt(1 + 1e-5)).relu();
            expected += (adapted - teacher[tap]).square().mean().item<double>();
        }
        Assert.Equal(expected, loss.Compute(Context(student, teacher)).item<double>(), 1e-6);
    }

    [Fact]
    public void Od_compares_values_before_the_activation_and_halves_from_level_to_level()
    {
        var (own, other) = (Shape(2), Shape(3));
        var loss = Loss(FeatureForm.Od);
        loss.Bind(Binding(own, other));
        Assert.Equal(["layer1.preact", "layer2.preact"], loss.Taps("student", own));
        Assert.Equal(["layer1.preact", "layer2.preact"], loss.Taps("teacher", other));
        loss.Module!.to(ScalarType.Float64).eval();
        var (student, teacher) = (Maps(own), Maps(other));
        var expected = 0.0;
        foreach (var (i, tap) in new[] { (0, "layer1.preact"), (1, "layer2.preact") })
        {
            var weight = loss.Module!.get_parameter($"level.{i}.conv.weight")!;
            var adapted = nn.functional.conv2d(student[tap], weight).div(Math.Sqrt(1 + 1e-5));
            var distance = FrskdMath.MarginDistance(adapted, teacher[tap], -0.7978845608);
            expected += distance.item<double>() / (i == 0 ? 2 : 1);
        }
        Assert.Equal(expected, loss.Compute(Context(student, teacher)).item<double>(), 1e-4);
    }

    [Theory]
    [InlineData(FeatureForm.Fit)]
    [InlineData(FeatureForm.Od)]
    public void Adapters_learn_by_the_gradient_of_finite_differences(FeatureForm form)
    {
        var (own, other) = (Shape(2, 2), Shape(2, 2));
        var loss = Loss(form);
        loss.Bind(Binding(own, other));
        loss.Module!.to(ScalarType.Float64).eval();
        var (student, teacher) = (Maps(own), Maps(other));
        var weight = loss.Module!.get_parameter("level.1.conv.weight")!;
        var context = Context(student, teacher);
        loss.Compute(context).backward();
        using var none = no_grad();
        for (var i = 0; i < weight.numel(); i++)
        {
            double At(double by)
            {
                weight.view(-1)[i] += by;
                var value = loss.Compute(context).item<double>();
                weight.view(-1)[i] -= by;
                return value;
            }
            Assert.Equal((At(1e-6) - At(-1e-6)) / 2e-6, weight.grad!.view(-1)[i].item<double>(), 1e-6);
        }
    }

    [Fact]
    public void It_refuses_maps_of_other_sizes_networks_without_stages_and_a_use_before_it_is_bound()
    {
        var sizes = Assert.Throws<KdException>(() => Loss(FeatureForm.Fit).Bind(Binding(Shape(2), Shape(2, 2))));
        Assert.Equal("KDP0303", sizes.Code.Id);
        Assert.Contains("layer1 [2, 8, 8]", sizes.Message);
        NetworkShape flat = new([3, 8, 8], 5, 4, [new("pooled", [4], false)]);
        var stages = Assert.Throws<KdException>(() => Loss(FeatureForm.Attention).Bind(Binding(flat, flat)));
        Assert.Contains("layerN", stages.Message);
        var point = Assert.Throws<KdException>(() =>
            Loss(FeatureForm.Attention).Bind(Binding(Shape(2, 1), Shape(3, 1)))
        );
        Assert.Contains("at least 2, got layer2 [4, 1, 1]", point.Message);
        Loss(FeatureForm.Fit).Bind(Binding(Shape(2, 1), Shape(3, 1)));
        var unbound = Assert.Throws<KdException>(() => Loss(FeatureForm.Attention).Compute(Context([], [])));
        Assert.Equal("KDP0307", unbound.Code.Id);
    }
}
