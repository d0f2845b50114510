using KdPlugins.Torch;
using Xunit;

namespace KdPlugins.Core.Tests.Runs;

public sealed class RunLockTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Path => _folder["run"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_second_process_is_told_who_holds_the_run_and_takes_over_from_a_dead_one()
    {
        RunFolder.Create(Path, Samples.Recipe).Dispose();
        using (ProbeProcess holder = ProbeProcess.Start("hold", Path))
        {
            Assert.True(RunFolder.IsHeld(Path));
            KdException failure = Samples.Fails(RunErrors.RunLocked, () => RunFolder.Open(Path));
            Assert.Contains($"process {holder.Id} on {Environment.MachineName}", failure.Message);
            holder.Kill();
        }
        Assert.False(RunFolder.IsHeld(Path));
        Assert.Equal(RunState.Running, RunFolder.ReadStatus(Path).State);
        using RunFolder run = RunFolder.Open(Path);
        Assert.True(RunFolder.IsHeld(Path));
    }

    [Fact]
    public void Two_holders_in_one_process_exclude_each_other_too()
    {
        using (RunFolder first = RunFolder.Create(Path, Samples.Recipe))
        {
            Samples.Fails(RunErrors.RunLocked, () => RunFolder.Open(Path));
            Samples.Fails(RunErrors.RunLocked, () => RunFolder.Create(Path, Samples.Recipe));
        }
        RunFolder.Open(Path).Dispose();
        Assert.False(RunFolder.IsHeld(Path));
    }

    [Fact]
    public void A_lock_file_left_behind_holds_nothing()
    {
        RunFolder.Create(Path, Samples.Recipe).Dispose();
        File.WriteAllText(System.IO.Path.Combine(Path, "run.lock"), "99999");
        File.WriteAllText(
            System.IO.Path.Combine(Path, "run.lock.json"),
            """{ "processId": 99999, "host": "elsewhere", "since": "2026-01-01T00:00:00Z" }"""
        );
        using RunFolder run = RunFolder.Open(Path);
        Assert.DoesNotContain("99999", File.ReadAllText(System.IO.Path.Combine(Path, "run.lock.json")));
    }

    [Fact]
    public void An_unreadable_note_about_the_holder_does_not_hide_that_there_is_one()
    {
        using RunFolder run = RunFolder.Create(Path, Samples.Recipe);
        File.WriteAllText(System.IO.Path.Combine(Path, "run.lock.json"), "{");
        KdException failure = Samples.Fails(RunErrors.RunLocked, () => RunFolder.Open(Path));
        Assert.Contains("has not said who", failure.Message);
    }

    [Fact]
    public void A_process_killed_while_it_saves_loses_nothing_that_was_saved()
    {
        RunFolder.Create(Path, Samples.Recipe).Dispose();
        long last = 0;
        for (int round = 0; round < 2; round++)
        {
            using (ProbeProcess saver = ProbeProcess.Start("save", Path))
            {
                SpinWait.SpinUntil(() => Checkpoint.List(Path).Any(info => info.Number > last + 5), 30_000);
                saver.Kill();
            }
            using RunFolder run = RunFolder.Open(Path);
            using LoadedCheckpoint found = Checkpoint.LoadNewest(
                run,
                Samples.Empty,
                new ResumeOptions { Strict = true, OverrideContradictions = true }
            );
            Assert.True(found.Info.Number > last + 5);
            Assert.Equal(found.Position.Step, found.Counter("step"));
            using EventLog log = EventLog.Resume(run, found);
            Assert.True(EventLog.Read(Path).Series("loss", "step").All(point => point.Step <= found.Position.Step));
            last = found.Info.Number;
        }
    }
}
