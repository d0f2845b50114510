using System.Text;
using KdPlugins.Host.Tests.Loading;

namespace KdPlugins.Host.Tests.Commands.Students;

/// <summary>Networks of other authors: those that compute by modules and Traced are exported, others are refused, and told why.</summary>
[Collection("commands")]
public sealed class ForeignNetworkTests : IDisposable
{
    private const string Source = """
        public sealed record FormOptions { public string Form { get; init; } = "right"; }

        [KdModel("foreign", Version = "1.0.0", Description = "Convolutions, norms, attention")]
        public sealed class ForeignModel : ModelPlugin<FormOptions>
        {
            public override INetwork Create(ModelRequest request) => new ForeignNet(request, Options.Form);
        }

        public sealed class ForeignNet : nn.Module<Tensor, Tensor>, INetwork
        {
            private readonly string _form;
            private readonly TorchSharp.Modules.Sequential stem, mixed, side;
            private readonly TorchSharp.Modules.GroupNorm group;
            private readonly TorchSharp.Modules.LayerNorm norm;
            private readonly TorchSharp.Modules.Linear query, key, value, head;
            private readonly TorchSharp.Modules.Dropout dropout;
            private readonly TorchSharp.Modules.PReLU odd;
            private readonly TorchSharp.Modules.Parameter position;

            public ForeignNet(ModelRequest request, string form) : base("foreign")
            {
                _form = form;
                stem = nn.Sequential(
                    ("conv", nn.Conv2d(3, 8, 3, padding: 1, bias: false)), ("norm", nn.BatchNorm2d(8)),
                    ("relu", nn.LeakyReLU(0.1)), ("pool", nn.MaxPool2d(2)));
                group = nn.GroupNorm(2, 8);
                nn.init.uniform_(group.weight, 0.5, 1.5);
                nn.init.uniform_(group.bias, -0.5, 0.5);
                mixed = nn.Sequential(
                    ("silu", nn.SiLU()), ("same", nn.Conv2d(8, 8, 2, padding: TorchSharp.Padding.Same)), ("gelu", nn.GELU()),
                    ("depth", nn.Conv2d(8, 8, 3, padding: 2, dilation: 2, groups: 8)), ("hard", nn.Hardswish()),
                    ("six", nn.ReLU6()), ("tanh", nn.Tanh()));
                side = nn.Sequential(
                    ("avg", nn.AvgPool2d(3, 1, 1)), ("sigmoid", nn.Sigmoid()), ("drop", nn.Dropout(0.5)),
                    ("mean", nn.AdaptiveAvgPool2d(1)), ("flat", nn.Flatten()));
                norm = nn.LayerNorm(8);
                nn.init.uniform_(norm.weight, 0.5, 1.5);
                (query, key, value) = (nn.Linear(8, 8), nn.Linear(8, 8, hasBias: false), nn.Linear(8, 8));
                dropout = nn.Dropout(0.5);
                head = nn.Linear(16, request.Classes);
                odd = nn.PReLU(1);
                position = new(randn(16, 8));
                RegisterComponents();
                Shape = new(request.InputShape, request.Classes, 16, []);
            }

            public nn.Module Module => this;
            public NetworkShape Shape { get; }
            public override Tensor forward(Tensor x) => Forward(x, null, []).Logits;

            public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps)
            {
                var first = stem.call(input);
                if (_form == "unseen") first = first + first;
                if (_form == "module") first = odd.call(first);
                var maps = mixed.call(group.call(first));
                if (_form == "in place") maps.mul_(1.5);
                if (_form == "small") maps.mul_(1.5);
                if (_form == "nearly") maps.mul_(1.01);
                if (_form == "nothing") maps = Traced.Scale(maps, 0);
                var tokens = Traced.Permute(Traced.Reshape(maps, 8, 16), 0, 2, 1);
                tokens = norm.call(Traced.Add(tokens, position));
                var scores = Traced.MatMul(query.call(tokens), Traced.Permute(key.call(tokens), 0, 2, 1));
                var shares = Traced.Softmax(Traced.Scale(scores, 1 / Math.Sqrt(8)), -1);
                tokens = Traced.Add(tokens, Traced.Gelu(Traced.MatMul(shares, value.call(tokens))));
                // As Traced has no such function.
                var peak = Traced.As(tokens.amax([1]), [tokens], (g, v) =>
                    g.Node("ReduceMax", [v[0], g.Longs(1)], ("keepdims", 0)));
                var both = Traced.Cat([dropout.call(Traced.Add(Traced.Mean(tokens, [1]), peak)), side.call(maps)], 1);
                var logits = head.call(both);
                if (_form == "small") logits = Traced.Scale(logits, 1e-6);
                if (_form == "maps") logits = logits.unsqueeze(-1);
                return new(logits, both, new Dictionary<string, Tensor>());
            }
        }
        """;

    private readonly Kd _kd = new();
    private readonly PluginRoot _root = new PluginRoot().Add(
        "Foreign",
        $"namespace Foreign {{ using KdPlugins.Torch; using TorchSharp;\n{Source}\n}}"
    );

    public void Dispose()
    {
        _root.Dispose();
        _kd.Dispose();
    }

    private KdResult Export(string form, params string[] more)
    {
        var record = WeightFiles.Record("foreign", $$"""{ "form": "{{form}}" }""", 8, 8);
        var weights = WeightFiles.Write(_root.Load(), record, _kd.At("foreign.safetensors"));
        return Kd.Call(["export", weights, "--plugins", _root.Path, .. more]);
    }

    [Fact]
    public void What_modules_and_Traced_compute_is_exported()
    {
        var result = Export("right", "--json");
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.InRange((double)Assert.Single(result.Lines)["difference"]!, 1e-12, 1e-5);
        var model = Encoding.Latin1.GetString(File.ReadAllBytes(_kd.At("foreign.onnx")));
        Assert.DoesNotContain("BatchNormalization", model);
        Assert.Contains("stem.conv.weight", model);
        using var student = Student.Load(_kd.At("foreign.onnx"));
        Assert.Equal(5, student.Predict(new byte[8 * 8 * 3], 8, 8).Logits.Count);
    }

    [Fact]
    public void Predictions_need_a_number_for_each_class()
    {
        StudentRun.WritePng(_kd.At("image.png"), 8, 8, (_, _) => SkiaSharp.SKColors.Red);
        Assert.Equal(0, Export("right").ExitCode);
        string[] predict = ["predict", _kd.At("foreign.safetensors"), _kd.At("image.png"), "--plugins", _root.Path];
        Assert.Equal(0, Kd.Call(predict).ExitCode);
        Export("maps");
        var result = Kd.Call(predict);
        Assert.Equal(ExitCodes.Damaged, result.ExitCode);
        Assert.StartsWith("KDP0820 ", result.Error);
        Assert.Contains("[1, 5, 1]", result.Error);
    }

    [Fact]
    public void A_network_that_always_answers_the_same_is_warned_of()
    {
        var result = Export("nothing");
        Assert.Equal(0, result.ExitCode);
        Assert.StartsWith("warning: ", result.Output);
        Assert.DoesNotContain("warning", Export("right").Output);
    }

    [Theory]
    [InlineData("unseen", "what 'group' (GroupNorm) reads comes from an operation that is not seen")]
    [InlineData("module", "what 'group' (GroupNorm) reads is what 'odd' (PReLU) gives")]
    public void What_is_not_seen_is_refused_and_says_what_to_do(string form, string part)
    {
        var result = Export(form);
        Assert.Equal((ExitCodes.BadRecipe, ""), (result.ExitCode, result.Output));
        Assert.StartsWith("KDP0010 ", result.Error);
        Assert.Contains(part, result.Error);
        Assert.Contains("Traced", result.Error);
        Assert.False(File.Exists(_kd.At("foreign.onnx")));
    }

    // Nothing tells of a change in place: the model is whole, and wrong.
    [Theory]
    [InlineData("in place")]
    [InlineData("nearly")]
    [InlineData("small")]
    [InlineData("in place", "--with-preprocessing")]
    public void A_model_that_answers_otherwise_is_refused_and_not_written(string form, params string[] more)
    {
        File.WriteAllText(_kd.At("foreign.onnx"), "the one before");
        var result = Export(form, more);
        Assert.Equal((ExitCodes.BadRecipe, ""), (result.ExitCode, result.Output));
        Assert.StartsWith("KDP0821 ", result.Error);
        Assert.Equal("the one before", File.ReadAllText(_kd.At("foreign.onnx")));
    }
}
