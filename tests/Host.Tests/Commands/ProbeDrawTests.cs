using KdPlugins.Core;
using KdPlugins.Host.Commands;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Draws that are given instead of drawn.</summary>
[Collection("commands")]
public sealed class ProbeDrawTests : IDisposable
{
    private readonly Kd _kd = new();
    private readonly DisposeScope _scope;
    private readonly ProbeFiles _probe;

    public ProbeDrawTests()
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

    private static Tensor Images(params long[] shape)
    {
        using var generator = new Generator(11, CPU);
        return rand(shape, ScalarType.Float64, generator: generator);
    }

    internal static Dictionary<string, Tensor> Input(string id)
    {
        var given = new Dictionary<string, Tensor>
        {
            ["input"] = Images(4, 3, 8, 8),
            ["target.labels"] = tensor([0L, 1, 2, 0]),
            ["data.classes"] = tensor(3L),
        };
        if (id == "normalise")
        {
            given["data.mean"] = tensor([0.1, 0.2, 0.3]);
            given["data.std"] = tensor([0.3, 0.2, 0.1]);
        }
        if (id == "cut-mix-pick")
            given["consult.teacher.logits"] = Images(8, 3);
        return given;
    }

    public static TheoryData<string> Augmentations
    {
        get
        {
            using var host = PluginHost.Load(Kd.Plugins);
            return [.. host.Catalog.Plugins.Where(p => p.Kind == PluginKind.Augmentation).Select(p => p.Id)];
        }
    }

    [Theory]
    [MemberData(nameof(Augmentations))]
    public void What_an_augmentation_records_makes_the_same_batch_under_any_seed(string id)
    {
        var given = Input(id);
        string[] options = ["--options", id == "random-affine" ? """{ "degrees": 30 }""" : "{}"];
        Dictionary<string, Tensor> Under(int seed) => _probe.Run(id, given, [.. options, "--seed", $"{seed}"]);
        var first = Under(4);
        var drawn = first.Where(t => t.Key.StartsWith("drawn.")).ToList();
        var others = Enumerable.Range(5, 4).Select(Under).ToList();
        // What is random says so.
        Assert.Equal(drawn.Count > 0, id != "normalise");
        if (drawn.Count == 0)
            Assert.All(others, o => Assert.True(o["input"].Equals(first["input"])));
        else
            Assert.Contains(others, o => drawn.Any(d => !(o.GetValueOrDefault(d.Key)?.Equals(d.Value) ?? false)));
        given.Remove("consult.teacher.logits");
        foreach (var (name, value) in drawn)
            given[name] = value;
        var again = Under(9);
        foreach (var (name, value) in first.Where(t => !t.Key.StartsWith("consulted.")))
            Assert.True(value.Equals(again[name]), name);
    }

    public static TheoryData<string, string, Func<Tensor>, string> Wrong =>
        new()
        {
            // plugin, what is given for which draw, and a part of the message
            { "cutmix", "cutmix.rectangle", () => tensor([0L, 0, 4]), "is Int64[3]; expected Int64[4]" },
            { "cutmix", "cutmix.rectangle", () => tensor([0.0, 0, 4, 4]), "is Float64[4]; expected Int64[4]" },
            { "cutmix", "cutmix.rectangle", () => tensor([0L, 0, 9, 4]), "has 9 at [2]; expected 0 to 8" },
            { "cutmix", "cutmix.rectangle", () => tensor([5L, 0, 4, 4]), "ends before it begins" },
            { "cutmix", "cutmix.share", () => tensor([1.5]), "has 1.5 at [0]; expected" },
            { "cut-mix-pick", "cut-mix-pick.partners", () => ones([2, 4], ScalarType.Int64) * -1, "has -1 at [0, 0]" },
            { "cut-mix-pick", "cut-mix-pick.picked", () => tensor([0L, 1, 2]), "expected Int64[4]" },
            { "mixup", "mixup.share", () => tensor([double.NaN]), "has NaN at [0]; expected 0 to 1" },
            { "mixup", "mixup.partners", () => tensor([0L, 1, 2, 4]), "has 4 at [3]; expected 0 to 3" },
            { "horizontal-flip", "horizontal-flip.flipped", () => ones(4), "expected Bool[4]" },
            {
                "random-crop",
                "random-crop.offsets",
                () => full([4, 2], 5, ScalarType.Int64),
                "has 5 at [0, 0]; expected -4 to 4"
            },
            { "color-jitter", "color-jitter.order", () => zeros([4, 4], ScalarType.Int64), "each of 0 to 3 once" },
            { "color-jitter", "color-jitter.factors", () => ones([4, 4], ScalarType.Float64), "has 1 at [0, 3]" },
            { "gaussian-blur", "gaussian-blur.sigmas", () => zeros([4], ScalarType.Float64), "has 0 at [0]" },
            {
                "random-rotation",
                "random-rotation.angles",
                () => full([4, 1], 400, ScalarType.Float64),
                "has 400 at [0, 0]"
            },
            {
                "random-resized-crop",
                "random-resized-crop.parts",
                () => full([4, 4], 7, ScalarType.Int64),
                "reaches beyond 8x8"
            },
            {
                "rand-augment",
                "rand-augment.operations",
                () => full([4, 2], 15, ScalarType.Int64),
                "has 15 at [0, 0]; expected 0 to 14"
            },
            { "siamese-choice", "siamese-choice.kind", () => tensor([6L]), "has 6 at [0]; expected 0 to 5" },
            { "siamese-choice", "siamese-choice.u", () => ones([4], ScalarType.Float64), "has 1 at [0]" },
        };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_draw_that_does_not_fit_is_named_with_what_would(
        string id,
        string name,
        Func<Tensor> value,
        string part
    )
    {
        var given = Input(id);
        given[$"drawn.{name}"] = value();
        var failure = _probe.Call(id, given).Failure;
        Assert.Equal("KDP0416", failure["code"]!.GetValue<string>());
        Assert.Equal(ExitCodes.Damaged, failure["exitCode"]!.GetValue<int>());
        Assert.Contains(part, failure["message"]!.GetValue<string>());
        Assert.Contains($"'{name}'", failure["message"]!.GetValue<string>());
    }

    [Fact]
    public void A_draw_that_nothing_reads_is_refused_with_the_nearest_name()
    {
        var given = Input("cutmix");
        given["drawn.cutmix.rectangel"] = tensor([0L, 0, 4, 4]);
        var failure = _probe.Call("cutmix", given).Failure;
        Assert.Equal("KDP0807", failure["code"]!.GetValue<string>());
        Assert.Contains("Did you mean 'drawn.cutmix.rectangle'", failure["message"]!.GetValue<string>());
        // A flip takes one draw per image, no second one.
        given = Input("siamese-choice");
        given["drawn.siamese-choice.kind"] = tensor([3L]);
        given["drawn.siamese-choice.v"] = zeros([4], ScalarType.Float64);
        failure = _probe.Call("siamese-choice", given).Failure;
        Assert.Equal("KDP0807", failure["code"]!.GetValue<string>());
        // In an evaluation nothing is drawn.
        given = Input("cutmix");
        given["drawn.cutmix.rectangle"] = tensor([0L, 0, 4, 4]);
        Assert.Equal("KDP0807", _probe.Call("cutmix", given, "--mode", "eval").Failure["code"]!.GetValue<string>());
    }

    [Fact]
    public void Given_draws_do_what_they_say()
    {
        var given = Input("cutmix");
        given["drawn.cutmix.rectangle"] = tensor([2L, 0, 6, 8]);
        given["drawn.cutmix.partners"] = tensor([3L, 2, 1, 0]);
        var found = _probe.Run("cutmix", given);
        Assert.True(found["input"][.., .., 2..6].Equals(given["input"].flip(0)[.., .., 2..6]));
        Assert.True(found["input"][.., .., ..2].Equals(given["input"][.., .., ..2]));
        Assert.Equal(0.5, found["drawn.cutmix.share"].item<double>());
        Assert.Equal([0.5, 0.5, 0], found["target.soft"][1].data<double>().ToArray().Order().Reverse());

        given = Input("siamese-choice");
        given["drawn.siamese-choice.kind"] = tensor([3L]);
        given["drawn.siamese-choice.u"] = tensor([0.1, 0.9, 0.49, 0.5]);
        var flipped = _probe.Run("siamese-choice", given)["input"];
        Assert.True(flipped[0].Equals(given["input"][0].flip(2)));
        Assert.True(flipped[1].Equals(given["input"][1]));
        Assert.True(flipped[2].Equals(given["input"][2].flip(2)));
        Assert.True(flipped[3].Equals(given["input"][3]));
    }

    [Fact]
    public void A_kind_that_the_options_leave_out_cannot_be_given()
    {
        var given = Input("siamese-choice");
        given["drawn.siamese-choice.kind"] = tensor([3L]);
        var failure = _probe.Call("siamese-choice", given, "--options", """{ "kinds": ["crop", "scale"] }""").Failure;
        Assert.Equal("KDP0416", failure["code"]!.GetValue<string>());
        Assert.Contains("is flip; the options have crop, scale", failure["message"]!.GetValue<string>());
    }
}
