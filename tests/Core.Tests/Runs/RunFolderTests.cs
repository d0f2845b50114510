using System.Security.Cryptography;
using System.Text;
using KdPlugins.Torch;
using Xunit;

namespace KdPlugins.Core.Tests.Runs;

public sealed class RunFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Path => _folder["run"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_created_run_is_opened_again_with_its_recipe_byte_for_byte()
    {
        const string recipe = "{ \"name\": \"größe\" }\n\n";
        using (RunFolder created = RunFolder.Create(Path, recipe))
        {
            Assert.Equal(recipe, created.Recipe);
        }
        using RunFolder opened = RunFolder.Open(Path);
        Assert.Equal(recipe, opened.Recipe);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(recipe))), opened.RecipeSha256);
        Assert.True(RunFolder.Exists(Path));
        Assert.Equal(System.IO.Path.Combine(Path, "checkpoints"), opened.CheckpointsPath);
    }

    [Fact]
    public void A_folder_with_a_run_is_not_created_again_and_stays_as_it_is()
    {
        RunFolder.Create(Path, Samples.Recipe).Dispose();
        Samples.Fails(RunErrors.RunExists, () => RunFolder.Create(Path, "{}"));
        using RunFolder opened = RunFolder.Open(Path);
        Assert.Equal(Samples.Recipe, opened.Recipe);
    }

    [Theory]
    [InlineData(false, "no such folder")]
    [InlineData(true, "no recipe.json in it")]
    public void What_is_not_a_run_is_not_opened(bool makeFolder, string reason)
    {
        if (makeFolder)
        {
            Directory.CreateDirectory(Path);
        }
        KdException failure = Samples.Fails(RunErrors.RunMissing, () => RunFolder.Open(Path));
        Assert.Contains(Path, failure.Message);
        Assert.Contains(reason, failure.Message);
    }

    [Fact]
    public void A_status_says_what_became_of_the_run()
    {
        var time = new FixedTime();
        using (RunFolder run = RunFolder.Create(Path, Samples.Recipe, time))
        {
            Assert.Equal(RunState.Running, RunFolder.ReadStatus(Path).State);
            Assert.Null(RunFolder.ReadStatus(Path).ExitCode);
            run.WriteStatus(RunState.Failed, 5, "the loss \"kl\" became NaN");
        }
        RunStatus status = RunFolder.ReadStatus(Path);
        Assert.Equal(RunState.Failed, status.State);
        Assert.Equal(5, status.ExitCode);
        Assert.Equal("the loss \"kl\" became NaN", status.Message);
        Assert.Equal(time.GetUtcNow(), status.Updated);
        Assert.Equal(Environment.ProcessId, status.ProcessId);
        Assert.Equal(Environment.MachineName, status.Host);
        using RunFolder opened = RunFolder.Open(Path);
        Assert.Equal(RunState.Running, RunFolder.ReadStatus(Path).State);
    }

    [Fact]
    public void A_run_without_status_has_none()
    {
        Assert.Null(RunFolder.ReadStatus(Path));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData(
        """{ "state": "asleep", "exitCode": null, "message": "", "updated": "2026-01-01T00:00:00Z", "processId": 1, "host": "h" }"""
    )]
    [InlineData(
        """{ "state": "done", "exitCode": "0", "message": "", "updated": "2026-01-01T00:00:00Z", "processId": 1, "host": "h" }"""
    )]
    [InlineData(
        """{ "state": "done", "exitCode": 0, "message": "", "updated": "yesterday", "processId": 1, "host": "h" }"""
    )]
    public void A_status_of_something_else_is_named(string content)
    {
        Directory.CreateDirectory(Path);
        File.WriteAllText(System.IO.Path.Combine(Path, "status.json"), content);
        KdException failure = Samples.Fails(RunErrors.StatusUnreadable, () => RunFolder.ReadStatus(Path));
        Assert.Contains("status.json", failure.Message);
    }

    [Theory]
    [InlineData("../escape")]
    [InlineData("..")]
    [InlineData(".hidden")]
    [InlineData("a/b")]
    [InlineData("a\\b")]
    [InlineData("")]
    [InlineData("ends.")]
    [InlineData("nul\0")]
    [InlineData("größe")]
    public void Names_that_lead_elsewhere_are_refused(string name)
    {
        using RunFolder run = RunFolder.Create(Path, Samples.Recipe);
        string[] before = Samples.Tree(_folder.Root);
        Samples.Fails(RunErrors.BadName, () => run.Output(name));
        Samples.Fails(RunErrors.BadName, () => run.WriteFile(name, [1]));
        Assert.Equal(before, Samples.Tree(_folder.Root));
    }

    [Fact]
    public void An_output_is_a_folder_below_outputs()
    {
        using RunFolder run = RunFolder.Create(Path, Samples.Recipe);
        string output = run.Output("distilled-data");
        Assert.True(Directory.Exists(output));
        Assert.Equal(System.IO.Path.Combine(Path, "outputs", "distilled-data"), output);
    }

    [Fact]
    public void An_empty_path_is_refused()
    {
        Samples.Fails(RunErrors.BadName, () => RunFolder.Create(" ", Samples.Recipe));
    }

    [Fact]
    public void A_file_where_the_folder_should_be_is_named()
    {
        File.WriteAllText(Path, "");
        KdException failure = Samples.Fails(RunErrors.FileFailed, () => RunFolder.Create(Path, Samples.Recipe));
        Assert.Contains(Path, failure.Message);
    }

    [Theory]
    [InlineData(Fault.Death)]
    [InlineData(Fault.DeathInside)]
    [InlineData(Fault.PowerLoss)]
    public void A_creation_that_dies_at_any_operation_leaves_a_run_or_a_folder_to_create_it_in(Fault fault)
    {
        int operations = CreateCounted();
        for (int at = 0; at < operations; at++)
        {
            string path = _folder[$"run-{fault}-{at}"];
            var files = new FaultyFiles(fault, at);
            Assert.Throws<SimulatedDeath>(() => RunFolder.Create(path, Samples.Recipe, files, TimeProvider.System));
            files.Reboot();
            using RunFolder run = RunFolder.Exists(path)
                ? RunFolder.Open(path)
                : RunFolder.Create(path, Samples.Recipe);
            Assert.Equal(Samples.Recipe, run.Recipe);
            Samples.Save(run, 1);
        }
    }

    [Fact]
    public void A_refusal_at_any_operation_of_a_creation_is_one_clear_message()
    {
        int operations = CreateCounted();
        for (int at = 0; at < operations; at++)
        {
            string path = _folder[$"run-{at}"];
            var files = new FaultyFiles(Fault.Refusal, at);
            KdException failure = Samples.Fails(
                RunErrors.NotWritable,
                () => RunFolder.Create(path, Samples.Recipe, files, TimeProvider.System)
            );
            Assert.Contains(path, failure.Message);
            Assert.False(RunFolder.IsHeld(path));
        }
    }

    [Fact]
    public void A_status_that_cannot_be_written_does_not_hide_the_failure_it_was_about()
    {
        var switched = new SwitchableFiles(new FaultyFiles(Fault.Refusal, 0));
        using RunFolder run = RunFolder.Create(Path, Samples.Recipe, switched, TimeProvider.System);
        switched.On = true;
        Assert.False(run.TryWriteStatus(RunState.Failed, 5, "diverged"));
        Assert.Equal(RunState.Running, RunFolder.ReadStatus(Path).State);
        Assert.True(run.TryWriteStatus(RunState.Failed, 5, "diverged"));
        Assert.Equal(RunState.Failed, RunFolder.ReadStatus(Path).State);
    }

    [Fact]
    public void What_a_crash_left_behind_goes_when_the_run_is_opened()
    {
        RunFolder.Create(Path, Samples.Recipe).Dispose();
        string[] before = Samples.Tree(Path);
        File.WriteAllText(System.IO.Path.Combine(Path, "status.json.kd-tmp"), "half");
        RunFolder.Open(Path).Dispose();
        Assert.Equal(before, Samples.Tree(Path));
    }

    private int CreateCounted()
    {
        var counting = new FaultyFiles(Fault.Death, -1);
        RunFolder.Create(_folder["counted"], Samples.Recipe, counting, TimeProvider.System).Dispose();
        return counting.Operations;
    }
}
