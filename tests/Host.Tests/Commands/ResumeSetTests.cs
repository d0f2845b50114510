using System.Text.Json.Nodes;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>kd resume --set. What may change is tested with the engine; here is what a person sees.</summary>
[Collection("commands")]
public sealed class ResumeSetTests : IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    // Stopped in its second stage: a process that was killed behind a checkpoint of a step.
    private async Task<string> StoppedAsync()
    {
        var recipe = _kd.Write("recipe.json", Kd.Recipe.TrimEnd()[..^1] + ", \"checkpoints\": { \"everySteps\": 1 } }");
        return await _kd.StoppedAsync(
            30,
            name => ["run", recipe, "--out", _kd.At(name), "--plugins", Kd.Plugins, "--threads", "1"]
        );
    }

    [Fact]
    public async Task A_run_goes_on_for_longer_and_keeps_that()
    {
        var folder = await StoppedAsync();
        var refused = Kd.Call("resume", folder, "--set", "losses[0].weight=0.5");
        Assert.Equal(ExitCodes.BadRecipe, refused.ExitCode);
        Assert.StartsWith("KDP0617 losses[0].weight: 0.1 -> 0.5", refused.Error);
        Assert.Single(refused.Error.TrimEnd().Split('\n'));
        Assert.Equal(ExitCodes.BadRecipe, Kd.Call("resume", folder, "--set", "training.epoch=5").ExitCode);
        Assert.Equal(ExitCodes.BadRecipe, Kd.Call("resume", folder, "--set", "nonsense").ExitCode);
        Assert.False(File.Exists(Path.Combine(folder, "changes.json")));

        var result = Kd.Call("resume", folder, "--set", "training.epochs=3", "--set", "checkpoints.keep=3", "--json");
        Assert.True(result.ExitCode == 0, result.Error);
        var report = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "report.json")))!;
        var change = Assert.Single(report["changes"]!.AsArray())!;
        Assert.Equal(
            ["training.epochs", "checkpoints.keep"],
            change["settings"]!.AsArray().Select(s => (string)s!["path"]!)
        );
        Assert.Contains("training.epochs: 2 -&gt; 3", File.ReadAllText(Path.Combine(folder, "report.html")));
        // Done now: it is refused, and says so.
        Assert.StartsWith("KDP0616 ", Kd.Call("resume", folder, "--set", "training.epochs=4").Error);
        Assert.Equal(0, Kd.Call("resume", folder).ExitCode);
        // Commands that read the run take the recipe that it ended with.
        Assert.Equal(0, Kd.Call("eval", folder).ExitCode);
    }
}
