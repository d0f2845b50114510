using System.Text.RegularExpressions;
using KdPlugins.Host.Commands;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Shipped plugins on given tensors, through files.</summary>
[Collection("commands")]
public sealed partial class ProbeTests : IDisposable
{
    private readonly Kd _kd = new();
    private readonly DisposeScope _scope;
    private readonly ProbeFiles _probe;

    public ProbeTests()
    {
        Torch.NativeRuntime.Start();
        _scope = NewDisposeScope();
        _probe = new(_kd, Kd.Plugins);
    }

    public void Dispose()
    {
        _scope.Dispose();
        _kd.Dispose();
    }

    // From the official code of RepDistiller and mdistiller, run in double precision on these inputs.
    private static Dictionary<string, Tensor> KdExample() =>
        new()
        {
            ["student.logits"] = tensor(
                new[,]
                {
                    { 1, 2, .5, -1 },
                    { 0, 1, 0, 3 },
                }
            ),
            ["teacher.logits"] = tensor(
                new[,]
                {
                    { 2.0, 1, 0, -1 },
                    { -1, 0, 1, 4 },
                }
            ),
        };

    private static Tensor Draw(Generator generator, params long[] shape) =>
        randn(shape, ScalarType.Float64, generator: generator);

    private static Dictionary<string, Tensor> With(
        IReadOnlyDictionary<string, Tensor> all,
        string name,
        Tensor value
    ) => new(all) { [name] = value };

    [Theory]
    [InlineData(4, 0.3906891718)]
    [InlineData(1, 0.2553292252)]
    public void The_kd_loss_has_the_golden_value_of_the_published_code_and_the_gradient_of_the_formula(
        double temperature,
        double expected
    )
    {
        var example = KdExample();
        var found = _probe.Run("kd", example, "--options", $$"""{ "temperature": {{temperature}} }""");
        Assert.Equal(["grad.student.logits", "loss"], found.Keys.Order());
        Assert.All(found.Values, t => Assert.Equal(ScalarType.Float64, t.dtype));
        Assert.Equal(expected, found["loss"].item<double>(), 1e-9);
        // t (p_S - p_T) / B
        var formula = (example["student.logits"] / temperature)
            .softmax(1)
            .sub((example["teacher.logits"] / temperature).softmax(1))
            .mul(temperature / 2);
        Assert.True(found["grad.student.logits"].allclose(formula, rtol: 0, atol: 1e-12));
    }

    [Fact]
    public void Gradients_are_those_of_finite_differences_through_the_files()
    {
        var example = KdExample();
        var gradient = _probe.Run("kd", example)["grad.student.logits"];
        double At(long b, long c, double by)
        {
            var moved = example["student.logits"].clone();
            moved[b, c] += by;
            return _probe.Run("kd", With(example, "student.logits", moved))["loss"].item<double>();
        }
        for (long b = 0; b < 2; b++)
        for (long c = 0; c < 4; c++)
            Assert.Equal((At(b, c, 1e-5) - At(b, c, -1e-5)) / 2e-5, gradient[b, c].item<double>(), 1e-9);
    }

    public static TheoryData<string> ShippedLosses
    {
        get
        {
            using var host = PluginHost.Load(Kd.Plugins);
            return [.. host.Catalog.Plugins.Where(p => p.Kind == Core.PluginKind.Loss).Select(p => p.Id)];
        }
    }

    [Theory]
    [MemberData(nameof(ShippedLosses))]
    public void Every_shipped_loss_can_be_probed_in_float64(string id)
    {
        using var generator = new Generator(5, CPU);
        var all = new Dictionary<string, Tensor>
        {
            ["target.labels"] = tensor([0L, 2, 1, 2]),
            ["indices"] = tensor([3L, 0, 1, 2]),
        };
        foreach (var role in (string[])["student", "teacher", "second-view"])
        {
            all[$"{role}.logits"] = Draw(generator, 4, 3);
            all[$"{role}.embedding"] = Draw(generator, 4, 6);
            foreach (
                var (tap, width, side) in ((string, long, long)[])
                    [("stem", 3, 8), ("layer1", 4, 8), ("layer2", 6, 4), ("layer3", 8, 2)]
            )
            {
                all[$"{role}.features.{tap}"] = Draw(generator, 4, width, side, side).abs();
                all[$"{role}.features.{tap}.preact"] = Draw(generator, 4, width, side, side);
            }
        }
        all = ProbeSweepTests.OfMapsOrTexts(id, shape => Draw(generator, shape)) ?? all;
        // Its default, three layers of 8192, takes minutes and 7 GiB in float64.
        string[] options = id == "barlow-twins" ? ["--options", """{ "projector": [64, 32] }"""] : [];
        // Nothing may be given in vain, and every loss reads something else: leave out what it names.
        var result = _probe.Call(id, all, options);
        if (result.ExitCode != 0 && result.Failure["code"]!.GetValue<string>() == "KDP0807")
            foreach (Match match in Quoted().Matches(result.Failure["message"]!.GetValue<string>()))
                all.Remove(match.Groups[1].Value);
        var found = _probe.Run(id, all, options);
        Assert.Equal(ScalarType.Float64, found["loss"].dtype);
        Assert.True(found["loss"].isfinite().item<bool>());
        var gradients = found.Where(f => f.Key.StartsWith("grad.")).ToList();
        Assert.Contains(gradients, g => g.Value.abs().sum().item<double>() > 0);
        Assert.All(gradients, g => Assert.True(g.Value.isfinite().all().item<bool>(), g.Key));
    }

    [Fact]
    public void A_model_runs_in_float64_with_parameters_set_by_name()
    {
        using var generator = new Generator(7, CPU);
        var bias = Draw(generator, 5);
        var given = new Dictionary<string, Tensor>
        {
            ["input"] = Draw(generator, 2, 3, 8, 8),
            ["data.classes"] = tensor(5L),
            ["parameters.fc.weight"] = zeros([5, 64], ScalarType.Float64),
            ["parameters.fc.bias"] = bias,
        };
        string[] options = ["--options", """{ "depth": 8 }""", "--mode", "eval"];
        var found = _probe.Run("cifar-resnet", given, options);
        Assert.True(found["logits"].allclose(bias.expand(2, 5), rtol: 0, atol: 1e-15));
        Assert.Equal([2, 64], found["embedding"].shape);
        Assert.Equal([2, 32, 4, 4], found["features.layer2"].shape);
        // Every logit has the gradient 1, twice; and with weights of zero nothing comes to what lies below.
        Assert.True(found["grad.parameters.fc.bias"].allclose(ones([5], ScalarType.Float64) * 2));
        Assert.True(found["grad.parameters.fc.weight"][3].allclose(found["embedding"].sum([0L]), rtol: 1e-12));
        Assert.Equal(0, found["grad.input"].abs().sum().item<double>());
        Assert.All(
            found.Where(f => !f.Key.EndsWith("num_batches_tracked")),
            f => Assert.Equal(ScalarType.Float64, f.Value.dtype)
        );
        Assert.DoesNotContain(found.Keys, k => k.StartsWith("after."));
    }

    [Fact]
    public void Cotangents_weigh_what_the_gradient_is_of_and_training_shows_changed_statistics()
    {
        using var generator = new Generator(8, CPU);
        var given = new Dictionary<string, Tensor>
        {
            ["input"] = Draw(generator, 2, 3, 8, 8),
            ["data.classes"] = tensor(3L),
            ["cotangent.features.layer1"] = Draw(generator, 2, 16, 8, 8),
            ["cotangent.logits"] = Draw(generator, 2, 3),
        };
        string[] options = ["--options", """{ "depth": 8 }""", "--seed", "3"];
        var found = _probe.Run("cifar-resnet", given, options);
        Assert.Equal(1, found["after.buffers.bn1.num_batches_tracked"].item<long>());
        Assert.Equal(0, found["buffers.bn1.num_batches_tracked"].item<long>());
        double At(double by)
        {
            var moved = given["input"].clone();
            moved[1, 2, 3, 4] += by;
            var there = _probe.Run("cifar-resnet", With(given, "input", moved), options);
            return (
                (there["logits"] * given["cotangent.logits"]).sum()
                + (there["features.layer1"] * given["cotangent.features.layer1"]).sum()
            ).item<double>();
        }
        Assert.Equal((At(1e-6) - At(-1e-6)) / 2e-6, found["grad.input"][1, 2, 3, 4].item<double>(), 1e-6);
    }

    [Fact]
    public void Cutmix_says_what_it_drew_and_does_what_it_says()
    {
        using var generator = new Generator(9, CPU);
        var given = new Dictionary<string, Tensor>
        {
            ["input"] = Draw(generator, 4, 1, 6, 6),
            ["target.labels"] = tensor([0L, 1, 2, 0]),
            ["data.classes"] = tensor(3L),
            ["cotangent.input"] = ones([4, 1, 6, 6], ScalarType.Float64),
        };
        var found = _probe.Run("cutmix", given, "--seed", "4");
        var share = found["drawn.cutmix.share"].item<double>();
        var rectangle = found["drawn.cutmix.rectangle"].data<long>().ToArray();
        var partners = found["drawn.cutmix.partners"].data<long>().ToArray();
        Assert.InRange(share, 0.01, 0.99);
        for (var b = 0; b < 4; b++)
        {
            for (var y = 0; y < 6; y++)
            for (var x = 0; x < 6; x++)
            {
                var isPasted = y >= rectangle[0] && x >= rectangle[1] && y < rectangle[2] && x < rectangle[3];
                var from = isPasted ? partners[b] : b;
                Assert.Equal(given["input"][from, 0, y, x].item<double>(), found["input"][b, 0, y, x].item<double>());
            }
            var (own, other) = (
                given["target.labels"][b].item<long>(),
                given["target.labels"][partners[b]].item<long>()
            );
            for (var c = 0; c < 3; c++)
                Assert.Equal(
                    (c == own ? share : 0) + (c == other ? 1 - share : 0),
                    found["target.soft"][b, c].to(ScalarType.Float64).item<double>(),
                    1e-6
                );
        }
        // Pixels only change their place: as often as each is there, so large is its gradient.
        Assert.Equal(144, found["grad.input"].sum().item<double>(), 1e-9);
        Assert.True(found["input"].Equals(_probe.Run("cutmix", given, "--seed", "4")["input"]));
        Assert.False(found["input"].Equals(_probe.Run("cutmix", given, "--seed", "5")["input"]));
        // In an evaluation it does nothing.
        Assert.True(given["input"].Equals(_probe.Run("cutmix", given, "--mode", "eval")["input"]));
    }

    [Fact]
    public void Normalise_learns_what_the_data_are_like_from_the_file()
    {
        var given = new Dictionary<string, Tensor>
        {
            ["input"] = full([2, 1, 2, 2], 0.75, ScalarType.Float64),
            ["data.mean"] = tensor([0.25]),
            ["data.std"] = tensor([0.125]),
        };
        var found = _probe.Run("normalise", given, "--mode", "eval");
        Assert.True(found["input"].allclose(full_like(found["input"], 4), rtol: 0, atol: 1e-15));
    }

    [Fact]
    public void Without_an_output_the_values_are_shown()
    {
        var input = _probe.Write(KdExample());
        string[] args = ["probe", "kd", "--input", input, "--plugins", Kd.Plugins];
        var text = Kd.Call(args);
        Assert.Equal(0, text.ExitCode);
        Assert.Matches(@"loss\s+Float64\[\]\s+0\.39068917", text.Output);
        var line = Assert.Single(Kd.Call([.. args, "--json"]).Lines);
        var loss = line["tensors"]!.AsArray().Single(t => t!["name"]!.GetValue<string>() == "loss")!;
        Assert.Equal(0.3906891718, loss["value"]!.GetValue<double>(), 1e-9);
        Assert.Equal("F64", loss["dtype"]!.GetValue<string>());
        Assert.Null(line["output"]);
    }

    [Fact]
    public void List_shows_what_a_plugin_takes_and_with_an_input_its_parameters()
    {
        var text = Kd.Call("probe", "kd", "--list", "--plugins", Kd.Plugins).Output;
        Assert.Matches(@"teacher\.\*\s+as the student's\s+yes", text);
        var input = _probe.Write(
            new Dictionary<string, Tensor> { ["input"] = zeros(1, 3, 8, 8), ["data.classes"] = tensor(2L) }
        );
        var line = Assert.Single(
            Kd.Call("probe", "cifar-resnet", "--list", "--input", input, "--plugins", Kd.Plugins, "--json").Lines
        );
        var names = line["tensors"]!
            .AsArray()
            .ToDictionary(t => t!["name"]!.GetValue<string>(), t => t!["form"]!.GetValue<string>());
        Assert.Equal("Float32[2, 64]", names["parameters.fc.weight"]);
        Assert.Equal("Float32[16]", names["buffers.bn1.running_mean"]);
    }

    [GeneratedRegex("'([a-z0-9.-]+)' (?:Float|Int|Bool)")]
    private static partial Regex Quoted();
}
