using KdPlugins.Core;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>What check and run say of recipes that cannot be meant, or that are doubtful.</summary>
[Collection("commands")]
public sealed class DoubtTests : IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    private KdResult Call(string command, params string[] settings) =>
        Kd.Call([
            command,
            _kd.TinyRecipe(),
            "--out",
            _kd.At(command),
            "--plugins",
            Kd.Plugins,
            "--json",
            .. settings.SelectMany(s => (string[])["--set", s]),
        ]);

    [Fact]
    public void Warnings_are_events_of_a_run_and_lines_of_a_check()
    {
        string[] settings = ["prepare=[]", "training.batchSize=5000", "training.epochs=1"];
        const string batch =
            "training.batchSize is 5,000, and the source 'train' has 86 samples: its batches are of 86.";
        var check = Assert.Single(Call("check", settings).Lines);
        var said = check["warnings"]!.AsArray().Select(w => (string)w!).ToList();
        Assert.Equal(batch, said[0]);
        Assert.Contains("'teacher' answers with the weights that it was drawn with", said[1]);
        var run = Call("run", settings).Lines;
        var warned = run.Where(l => (string)l["event"]! == "warning").Select(l => (string)l["message"]!);
        Assert.Equal(said, warned);
        Assert.Equal("done", (string)run[^1]["event"]!);
    }

    [Fact]
    public void What_a_later_phase_would_find_is_found_before_the_teacher_is_trained()
    {
        // Two views of a role without augmentations.
        string[] settings =
        [
            """strategy={"id":"two-views"}""",
            """losses=[{"id":"nt-xent"}]""",
            """models.student.options.depth=8""",
        ];
        var check = Call("check", settings);
        var run = Call("run", settings);
        foreach (var result in (KdResult[])[check, run])
        {
            Assert.Equal(ExitCodes.BadRecipe, result.ExitCode);
            Assert.Equal("KDP0306", (string)result.Failure["code"]!);
            Assert.Contains("two views", (string)result.Failure["message"]!);
        }
        Assert.DoesNotContain(run.Lines, l => (string)l["event"]! is "stage" or "step");
    }

    [Fact]
    public void A_run_tells_what_memory_it_needs_and_may_use()
    {
        var check = Assert.Single(Call("check").Lines);
        Assert.True((long)check["memoryBytes"]! >= (long)check["peakMemoryBytes"]!);
        Assert.True((long)check["memoryLimitBytes"]! > (long)check["memoryBytes"]!);
        Assert.Empty(check["warnings"]!.AsArray());
    }
}
