using KdPlugins.Host.Tests.Loading;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Generators and formulas on given tensors.</summary>
[Collection("commands")]
public sealed class ProbeGeneratorTests : IDisposable
{
    private const string Options = """{ "latent": 5, "width": 8 }""";

    private readonly Kd _kd = new();
    private readonly DisposeScope _scope;
    private readonly ProbeFiles _probe;

    public ProbeGeneratorTests()
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

    private static Tensor Latent()
    {
        using var generator = new Generator(2, CPU);
        return randn([3, 5], ScalarType.Float64, generator: generator);
    }

    private static Dictionary<string, Tensor> Given(string name, Tensor value) =>
        new() { ["data.shape"] = tensor([1L, 4, 8]), [name] = value };

    private Dictionary<string, Tensor> Run(Dictionary<string, Tensor> given, params string[] more) =>
        _probe.Run("upsample-generator", given, ["--options", Options, .. more]);

    [Fact]
    public void Latent_vectors_become_samples_with_gradients_to_them_and_to_the_parameters()
    {
        var given = Given("latent", Latent());
        var found = Run(given);
        Assert.Equal([3, 1, 4, 8], found["input"].shape);
        Assert.True(found.ContainsKey("after.buffers.embed.2.running_mean"));
        using var generator = new Generator(3, CPU);
        given["cotangent.input"] = randn([3, 1, 4, 8], ScalarType.Float64, generator: generator);
        given["parameters.decoder.8.bias"] = tensor([0.3]);
        found = Run(given);
        double At(string name, long[] place, double by)
        {
            var moved = new Dictionary<string, Tensor>(given) { [name] = given[name].clone() };
            moved[name].view(-1)[place[0]] += by;
            return (Run(moved)["input"] * given["cotangent.input"]).sum().item<double>();
        }
        foreach (var (name, place) in ((string, long)[])[("latent", 7), ("parameters.decoder.8.bias", 0)])
            Assert.Equal(
                (At(name, [place], 1e-6) - At(name, [place], -1e-6)) / 2e-6,
                found[$"grad.{name}"].view(-1)[place].item<double>(),
                1e-6
            );
    }

    [Fact]
    public void What_it_draws_is_recorded_and_can_be_given()
    {
        var drawn = Run(Given("count", tensor(3L)), "--seed", "4");
        Assert.Equal([3, 5], drawn["drawn.upsample-generator.latent"].shape);
        Assert.Equal([-1, -1, -1], drawn["indices"].data<long>().ToArray());
        var given = Given("count", tensor(3L));
        Assert.False(Run(given, "--seed", "5")["input"].Equals(drawn["input"]));
        given["drawn.upsample-generator.latent"] = drawn["drawn.upsample-generator.latent"];
        foreach (var (name, value) in drawn.Where(t => t.Key.StartsWith("parameters.")))
            given[name] = value;
        Assert.True(Run(given, "--seed", "5")["input"].Equals(drawn["input"]));
    }

    [Theory]
    [InlineData("-data.shape", "KDP0806", "no tensor 'data.shape'")]
    [InlineData("-latent", "KDP0806", "none of 'latent', 'labels' and 'count'")]
    [InlineData("+count", "KDP0807", "'count'")]
    [InlineData("wide latent", "KDP0303", "[batch, 5]")]
    [InlineData("int latent", "KDP0806", "expected floats")]
    [InlineData("flat data.shape", "KDP0806", "'data.shape'")]
    [InlineData("labels", "KDP0306", "cannot be asked for classes")]
    [InlineData("bad labels", "KDP0806", "'labels' has -1 at [0]")]
    [InlineData("many", "KDP0806", "expected 1 to 65536")]
    [InlineData("infinite", "KDP0416", "not finite")]
    public void What_does_not_fit_is_named(string change, string code, string part)
    {
        var given = Given("latent", Latent());
        void Instead(string name, Tensor value)
        {
            given.Remove("latent");
            given[name] = value;
        }
        switch (change)
        {
            case "+count":
                given["count"] = tensor(3L);
                break;
            case "wide latent":
                given["latent"] = Latent().t().contiguous();
                break;
            case "int latent":
                given["latent"] = ones([3, 5], ScalarType.Int64);
                break;
            case "flat data.shape":
                given["data.shape"] = tensor([1L, 0, 8]);
                break;
            case "labels":
                Instead("labels", tensor([0L, 1]));
                break;
            case "bad labels":
                Instead("labels", tensor([-1L, 1]));
                break;
            case "many":
                Instead("count", tensor(1L << 40));
                break;
            case "infinite":
                Instead("count", tensor(3L));
                given["drawn.upsample-generator.latent"] = full([3, 5], double.PositiveInfinity, ScalarType.Float64);
                break;
            default:
                given.Remove(change[1..]);
                break;
        }
        var failure = _probe.Call("upsample-generator", given, "--options", Options).Failure;
        Assert.Equal(code, failure["code"]!.GetValue<string>());
        Assert.Contains(part, failure["message"]!.GetValue<string>());
    }

    [Fact]
    public void A_formula_has_gradients_of_what_is_asked_and_refuses_what_does_not_fit()
    {
        Dictionary<string, Tensor> given = new()
        {
            ["logits"] = tensor(
                new[,]
                {
                    { 2.0, 1, 0 },
                }
            ),
            ["labels"] = tensor([1L]),
            ["mask"] = tensor(
                new[,]
                {
                    { 0.25, 0.5 },
                }
            ),
        };
        const string numbers = """{ "invariant": 0.5, "uncertainty": "energy", "penalty": "per-sample" }""";
        string[] formula = ["--formula", "anchor-loss", "--options", numbers];
        // Of four results nobody knows which is meant.
        Assert.DoesNotContain(_probe.Run("aug-kd", given, formula).Keys, k => k.StartsWith("grad."));
        var asked = new Dictionary<string, Tensor>(given) { ["cotangent.result.mask"] = tensor(2.0) };
        var found = _probe.Run("aug-kd", asked, formula);
        Assert.Equal([-2, -2], found["grad.mask"].data<double>().ToArray());
        Assert.Equal([0, 0, 0], found["grad.logits"].data<double>().ToArray());

        void Fails(string code, string part, Dictionary<string, Tensor> tensors, params string[] more)
        {
            var failure = _probe.Call("aug-kd", tensors, more).Failure;
            Assert.Equal(code, failure["code"]!.GetValue<string>());
            Assert.Contains(part, failure["message"]!.GetValue<string>());
        }
        var without = new Dictionary<string, Tensor>(given);
        without.Remove("mask");
        Fails("KDP0806", "no tensor 'mask'", without, formula);
        Fails("KDP0807", "Did you mean 'mask'", new(given) { ["masks"] = given["mask"] }, formula);
        Fails("KDP0808", "Did you mean 'anchor-loss'", given, "--formula", "anchor-los");
        Fails("KDP0808", "is a strategy", given);
        string[] With(string json) => ["--formula", "anchor-loss", "--options", json];
        Fails("KDP0811", "takes no \"invariants\"", given, With(numbers.Replace("invariant", "invariants")));
        Fails(
            "KDP0811",
            "got \"energi\" for \"uncertainty\" (energy, max-softmax)",
            given,
            With(numbers.Replace("energy", "energi"))
        );
        Fails("KDP0811", "got \"0.5\" for number \"invariant\"", given, With(numbers.Replace("0.5", "\"0.5\"")));
        Fails("KDP0811", "needs number \"invariant\"", given, With("{}"));
        Fails("KDP0811", "no JSON object", given, With("{"));
        var list = Kd.Call("probe", "aug-kd", "--list", "--plugins", Kd.Plugins).Output;
        Assert.Matches(@"anchor-loss\s+tensor 'logits', tensor 'labels', tensor 'mask', number ""invariant""", list);
    }

    [Fact]
    public void Authors_offer_formulas_of_every_form()
    {
        using var root = new PluginRoot().Add(
            "Odd",
            """
            #nullable enable
            [KdStrategy("own")] public sealed class Own : DistillationStrategy<NoOptions> {
                public override IReadOnlyList<Stage> Plan(IPlanContext c) => [];
                public sealed record Parts(Tensor Sum, double Half, long Count);
                [Formula("pair", Description = "two")] public static (Tensor Twice, Tensor Root) Pair(Tensor longName, int times = 2) =>
                    (longName * times, longName.sqrt());
                [Formula("parts")] internal static Parts Of(IReadOnlyList<Tensor> all, bool half) =>
                    new((all[0] + all[1]).sum(), half ? 0.5 : 1, all.Count);
                [Formula("fails")] public static Tensor Fails(Tensor? maybe) => throw new InvalidOperationException("on purpose");
            }
            """
        );
        var probe = new ProbeFiles(_kd, root.Path);
        var found = probe.Run(
            "own",
            new Dictionary<string, Tensor> { ["long-name"] = tensor([4.0]) },
            "--formula",
            "pair"
        );
        Assert.Equal((8.0, 2.0), (found["result.twice"].item<double>(), found["result.root"].item<double>()));
        var lists = new Dictionary<string, Tensor> { ["all.0"] = tensor([1.0, 2]), ["all.1"] = tensor([3.0, 4]) };
        found = probe.Run("own", lists, "--formula", "parts", "--options", """{ "half": true }""");
        Assert.Equal(10, found["result.sum"].item<double>());
        Assert.Equal((0.5, 2), (found["result.half"].item<double>(), found["result.count"].item<long>()));
        var failure = probe.Call("own", new Dictionary<string, Tensor>(), "--formula", "fails").Failure;
        Assert.Equal("KDP0809", failure["code"]!.GetValue<string>());
        Assert.Contains(
            "formula 'fails' of strategy 'own' failed: InvalidOperationException: on purpose",
            failure["message"]!.GetValue<string>()
        );
    }
}
