using System.Text.Json.Nodes;
using KdPlugins.Core.Tests.Engine.Finite;
using KdPlugins.Core.Tests.Runs;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>Runs that are done, and runs whose small files were damaged.</summary>
public sealed class FinishedRunTests : IDisposable
{
    private static readonly string Recipe = FiniteRuns.Recipe("""{ "id": "cross-entropy" }""");

    private readonly TemporaryFolder _folder = new();

    private string Folder => _folder["run"];

    public void Dispose() => _folder.Dispose();

    private ExperimentEnd Run(string recipe, long stopAfter = long.MaxValue, bool overriding = false) =>
        FiniteRuns.Run(
            EngineRun.Catalog,
            recipe,
            Folder,
            stopAfter,
            new ResumeOptions { OverrideContradictions = overriding }
        );

    private byte[] Student(string seed = "") =>
        File.ReadAllBytes(System.IO.Path.Combine(Folder, seed, "student-last.safetensors"));

    public static TheoryData<string> Damage =>
        [
            "",
            "{",
            "null",
            "[]",
            "{}",
            new('\0', 300),
            """{ "state": "asleep", "exitCode": null, "message": "", "updated": "2026-01-01T00:00:00Z", "processId": 1, "host": "h" }""",
            """{ "state": "7", "exitCode": null, "message": "", "updated": "2026-01-01T00:00:00Z", "processId": 1, "host": "h" }""",
        ];

    [Theory]
    [MemberData(nameof(Damage))]
    public void A_damaged_status_stops_no_resume_and_is_written_anew(string status)
    {
        Run(Recipe, stopAfter: 3);
        File.WriteAllText(_folder["run/status.json"], status);
        Assert.Equal(SessionEnd.Done, Run(Recipe).State);
        Assert.Equal(RunState.Done, RunFolder.ReadStatus(Folder).State);
        var student = Student();
        // Done, and damaged then: the end is made again from the last checkpoint.
        File.WriteAllText(_folder["run/status.json"], status);
        Assert.Equal(6, (long)Run(Recipe).Report["steps"]!);
        Assert.Equal(RunState.Done, RunFolder.ReadStatus(Folder).State);
        Assert.Equal(student, Student());
    }

    [Theory]
    [InlineData("report.json", "")]
    [InlineData("report.json", "{ \"format\": \"1.0\" }")]
    [InlineData("report.json", "{ \"hashes\": [], \"hashes\": 1 }")]
    [InlineData("report.json", null)]
    [InlineData("provenance.json", "[1")]
    [InlineData("provenance.json", null)]
    public void A_damaged_report_is_made_anew(string file, string? content)
    {
        var whole = Run(Recipe).Report;
        var path = System.IO.Path.Combine(Folder, file);
        var before = File.ReadAllText(path);
        File.Delete(path);
        if (content is not null)
            File.WriteAllText(path, content);
        if (file != "report.json")
            File.WriteAllText(_folder["run/status.json"], "");
        var again = Run(Recipe).Report;
        Assert.Equal((string)whole["student"]!["sha256"]!, (string)again["student"]!["sha256"]!);
        Assert.Equal(
            JsonNode.Parse(before)!["hashes"]!.ToJsonString(),
            JsonNode.Parse(File.ReadAllText(path))!["hashes"]!.ToJsonString()
        );
    }

    [Theory]
    [InlineData(1)] // in the middle of the last line
    [InlineData(0)] // an empty file
    [InlineData(-1)] // no file
    public void Damaged_events_stop_no_resume(int cut)
    {
        Run(Recipe, stopAfter: 3);
        var path = _folder["run/events.jsonl"];
        var bytes = File.ReadAllBytes(path);
        File.Delete(path);
        if (cut >= 0)
            File.WriteAllBytes(path, cut == 0 ? [] : bytes[..^5]);
        Run(Recipe);
        var history = EventLog.Read(Folder);
        Assert.Equal(0, history.Unreadable);
        Assert.Equal(6, history.Events.Where(e => e.Kind == "step").Max(e => e.Step));
    }

    [Theory]
    [InlineData("\"epochs\": 2", "\"epochs\": 3")]
    [InlineData("\"learningRate\": 0.05", "\"learningRate\": 0.5")]
    [InlineData("\"keep\": 2", "\"keep\": 3")]
    public void Another_recipe_is_refused_and_nothing_changes(string part, string other)
    {
        Run(Recipe);
        var before = Samples.Tree(Folder).Where(f => !f.StartsWith("run.lock")).ToDictionary(f => f, Content);
        foreach (var overriding in (bool[])[false, true])
        {
            var failure = Samples.Fails(
                RunErrors.FinishedChanged,
                () => Run(Recipe.Replace(part, other), overriding: overriding)
            );
            Assert.Contains(Folder, failure.Message);
            Assert.Contains("Start a new run", failure.Message);
        }
        Assert.Equal(before, Samples.Tree(Folder).Where(f => !f.StartsWith("run.lock")).ToDictionary(f => f, Content));
        // Other words for the same recipe change nothing.
        Assert.Equal(6, (long)Run(Recipe.Replace("\"epochs\": 2", "\"epochs\":\n2")).Report["steps"]!);
    }

    [Fact]
    public void A_run_that_has_only_lost_its_report_is_done_all_the_same()
    {
        Run(Recipe);
        File.Delete(_folder["run/report.json"]);
        var longer = Recipe.Replace("\"epochs\": 2", "\"epochs\": 3");
        Samples.Fails(RunErrors.Contradiction, () => Run(longer));
        Samples.Fails(RunErrors.FinishedChanged, () => Run(longer, overriding: true));
        Assert.Equal(SessionEnd.Done, Run(Recipe).State);
    }

    [Fact]
    public void A_run_that_is_done_gives_its_report_and_trains_nothing()
    {
        var first = Run(Recipe).Report;
        File.Delete(_folder["run/student-last.safetensors"]);
        Assert.Equal(first.ToJsonString(), Run(Recipe).Report.ToJsonString());
        Assert.False(File.Exists(_folder["run/student-last.safetensors"]));
    }

    [Fact]
    public void Seeds_can_be_added_and_nothing_else_changed()
    {
        static string Seeds(string recipe, string seeds) =>
            recipe.Replace("\"name\": \"finite\"", $"\"name\": \"finite\", \"seeds\": [{seeds}]");

        Run(Seeds(Recipe, "1, 2"));
        var (one, two) = (Student("seed-1"), Student("seed-2"));
        var report = Run(Seeds(Recipe, "1, 2, 3")).Report;
        Assert.Equal([1, 2, 3], report["seeds"]!.AsArray().Select(s => (long)s!));
        Assert.Equal(18, (long)report["steps"]!);
        Assert.Equal(one, Student("seed-1"));
        Assert.Equal(two, Student("seed-2"));
        var longer = Recipe.Replace("\"epochs\": 2", "\"epochs\": 3");
        foreach (
            var other in (string[])
                [
                    Seeds(Recipe, "1, 2"),
                    Seeds(Recipe, "2, 1, 3"),
                    Seeds(longer, "1, 2, 3"),
                    Seeds(longer, "1, 2, 3, 4"),
                    Recipe,
                ]
        )
            Samples.Fails(RunErrors.FinishedChanged, () => Run(other, overriding: true));
        // Where a seed is left to do, those that are done still are of the old recipe.
        File.Delete(_folder["run/report.json"]);
        Samples.Fails(RunErrors.FinishedChanged, () => Run(Seeds(longer, "1, 2, 3"), overriding: true));
    }

    private string Content(string file)
    {
        var path = System.IO.Path.Combine(Folder, file);
        return File.Exists(path) ? Convert.ToHexString(File.ReadAllBytes(path)) : "";
    }
}
