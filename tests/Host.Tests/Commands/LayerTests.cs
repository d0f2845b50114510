using System.Text.Json.Nodes;
using KdPlugins.Torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>What commands say of layers that this processor computes wrongly, as a planted judge says.</summary>
[Collection("commands")]
public sealed class LayerTests : IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    // The last layers: three classes.
    private static KdResult Call(params string[] args)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var judge = LayerJudge.Of(s =>
            new(s is { Kind: LayerKind.Linear, Weight: [3, 64] } ? [new("output", 0.25)] : [])
        );
        var screen = new KdPlugins.Host.Commands.Screen(output, error, IsTerminal: false, Json: false, Verbose: false)
        {
            Judge = () => judge,
        };
        return new(CommandLine.Run([.. args, "--plugins", Kd.Plugins], screen), output.ToString(), error.ToString());
    }

    [Fact]
    public void A_check_names_them_in_its_report_and_fails()
    {
        var result = Call("check", _kd.TinyRecipe(), "--json");
        Assert.Equal(ExitCodes.BadRecipe, result.ExitCode);
        Assert.Equal("KDP0336", (string)result.Failure["code"]!);
        var layers = Assert.Single(result.Lines)["layers"]!;
        // Batches of training and of evaluation are two shapes.
        var wrong = layers["wrong"]!.AsArray();
        Assert.All(wrong, w => Assert.StartsWith("linear 64 -> 3", (string)w!["shape"]!));
        Assert.All(wrong, w => Assert.Equal("output", (string)Assert.Single(w!["faults"]!.AsArray())!["answer"]!));
        Assert.All(wrong, w => Assert.Equal(0.25, (double)w!["faults"]![0]!["off"]!));
        Assert.Equal(
            ["student fc Linear", "teacher fc Linear", "teacher, frozen fc FrozenLinear"],
            wrong
                .SelectMany(w => w!["layers"]!.AsArray())
                .Select(l => $"{l!["role"]} {l["name"]} {l["kind"]}")
                .Distinct()
                .Order()
        );
        Assert.Empty(layers["unseen"]!.AsArray());
        Assert.True((int)layers["layers"]! > 10);

        var text = Call("check", _kd.TinyRecipe());
        Assert.Contains("layers are not what double precision gives:", text.Output);
        Assert.Contains("output 25 % off", text.Output);
        Assert.Equal(ExitCodes.Done, Call("check", _kd.TinyRecipe(), "--set", "wrongLayers=warn").ExitCode);
    }

    [Fact]
    public void A_run_is_refused_before_its_first_step_and_goes_on_where_it_is_told_to()
    {
        string[] run = ["run", _kd.TinyRecipe(), "--json", "--max-steps-per-stage", "1", "--out"];
        var refused = Call([.. run, _kd.At("refused")]);
        Assert.Equal(ExitCodes.BadRecipe, refused.ExitCode);
        Assert.Equal("KDP0336", (string)refused.Failure["code"]!);
        Assert.DoesNotContain(refused.Lines, l => (string)l["event"]! == "stage");

        var told = Call([.. run, _kd.At("told"), "--set", "wrongLayers=warn"]);
        Assert.True(told.ExitCode == ExitCodes.Done, told.Error);
        Assert.Single(told.Lines, l => l["message"] is JsonValue m && ((string)m!).Contains("double precision"));
        Assert.NotEmpty(told.Lines[^1]["report"]!["layers"]!["wrong"]!.AsArray());
        Assert.Contains("double precision", File.ReadAllText(Path.Combine(_kd.At("told"), "report.html")));

        // The same folder, where the layers are right.
        var resumed = Kd.Call("resume", _kd.At("refused"), "--plugins", Kd.Plugins);
        Assert.True(resumed.ExitCode is ExitCodes.Done or ExitCodes.BadRecipe, resumed.Error);
    }
}
