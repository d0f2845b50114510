using System.Text;
using KdPlugins.Torch;
using Xunit;

namespace KdPlugins.Core.Tests.Runs;

public sealed class EventLogTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly FixedTime _time = new();
    private readonly RunFolder _run;

    public EventLogTests() => _run = RunFolder.Create(_folder["run"], Samples.Recipe, _time);

    public void Dispose()
    {
        _run.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void An_event_comes_back_as_it_was_written()
    {
        var values = new Dictionary<string, double>
        {
            ["loss"] = 0.1 + 0.2,
            ["nan"] = double.NaN,
            ["up"] = double.PositiveInfinity,
            ["down"] = double.NegativeInfinity,
        };
        using (EventLog log = EventLog.Open(_run))
        {
            log.Append("step", "distil", 12, values, "line\nbreak \"quoted\" ☃");
            _time.Advance(TimeSpan.FromSeconds(1));
            log.Note("warning", "disk is slow");
            log.Flush();
        }
        EventHistory history = EventLog.Read(_run.Path);
        Assert.Equal(0, history.Unreadable);
        Assert.Equal(2, history.Events.Count);
        RunEvent step = history.Events[0];
        Assert.Equal(("step", "distil", 12L), (step.Kind, step.Stage, step.Step));
        Assert.Equal(values, step.Values);
        Assert.Equal("line\nbreak \"quoted\" ☃", step.Text);
        RunEvent note = history.Events[1];
        Assert.Equal(("warning", null, null, "disk is slow"), (note.Kind, note.Stage, note.Step, note.Text));
        Assert.Equal(TimeSpan.FromSeconds(1), note.Time - step.Time);
        Assert.Equal(2, File.ReadAllLines(_run.EventsPath).Length);
    }

    [Fact]
    public void Series_are_read_by_name_and_kind()
    {
        using EventLog log = EventLog.Open(_run);
        for (long step = 1; step <= 3; step++)
        {
            log.Append("step", "distil", step, Values(("loss", 1.0 / step), ("rate", 0.1)));
        }
        log.Append("evaluation", "distil", 3, Values(("loss", 9.0)));
        log.Append("report", null, null, Values(("loss", 7.0)), "");
        EventHistory history = EventLog.Read(_run.Path);
        Assert.Equal([(1, 1.0), (2, 0.5), (3, 1.0 / 3)], history.Series("loss", "step").Select(p => (p.Step, p.Value)));
        Assert.Equal(4, history.Series("loss", null).Count);
        Assert.Equal(["loss", "rate"], history.Names("step"));
        Assert.Empty(history.Series("accuracy", null));
    }

    [Fact]
    public void A_run_without_events_has_an_empty_history()
    {
        Assert.Empty(EventLog.Read(_folder["nothing"]).Events);
    }

    [Fact]
    public void A_torn_last_line_is_skipped_and_the_next_event_takes_its_place()
    {
        using (EventLog log = EventLog.Open(_run))
        {
            log.Append("step", "distil", 1, Values(("loss", 1)));
            log.Append("step", "distil", 2, Values(("loss", 2)));
        }
        byte[] whole = File.ReadAllBytes(_run.EventsPath);
        int first = Array.IndexOf(whole, (byte)'\n') + 1;
        for (int length = first; length < whole.Length; length++)
        {
            File.WriteAllBytes(_run.EventsPath, whole[..length]);
            Assert.Equal([1L], Steps());
            using (EventLog log = EventLog.Open(_run))
            {
                log.Append("step", "distil", 3, Values(("loss", 3)));
            }
            Assert.Equal([1L, 3L], Steps());
            Assert.Equal(0, EventLog.Read(_run.Path).Unreadable);
        }
    }

    [Fact]
    public void Lines_that_are_no_events_are_counted_and_the_rest_is_read()
    {
        string good = """{"time":"2026-01-01T00:00:00+00:00","kind":"step","step":1}""";
        string[] lines =
        [
            good,
            "",
            "nonsense",
            "[]",
            "{}",
            """{"time":"never","kind":"step"}""",
            """{"time":"2026-01-01T00:00:00+00:00","kind":"step","step":"two"}""",
            """{"time":"2026-01-01T00:00:00+00:00","kind":"step","values":{"a":"many"}}""",
            good,
        ];
        File.WriteAllText(_run.EventsPath, string.Join('\n', lines) + "\n");
        EventHistory history = EventLog.Read(_run.Path);
        Assert.Equal(2, history.Events.Count);
        Assert.Equal(7, history.Unreadable);
    }

    [Fact]
    public void A_resume_takes_back_the_steps_behind_the_checkpoint_and_keeps_what_belongs_to_no_step()
    {
        using (EventLog log = EventLog.Open(_run))
        {
            log.Note("start", "");
            Steps(log, 1, 4);
            Samples.Save(_run, 4);
            log.Append("evaluation", "distil", 4, Values(("accuracy", 0.5)));
            Steps(log, 5, 7);
            log.Note("warning", "kept");
        }
        using (LoadedCheckpoint found = Samples.Load(_run))
        using (EventLog log = EventLog.Resume(_run, found))
        {
            log.Append("evaluation", "distil", 4, Values(("accuracy", 0.5)));
            Steps(log, 5, 6);
        }
        EventHistory history = EventLog.Read(_run.Path);
        Assert.Equal([1, 2, 3, 4, 5, 6], history.Series("loss", "step").Select(p => p.Step));
        Assert.Single(history.Events, e => e.Kind == "evaluation");
        Assert.Equal(["start", "warning", "resume"], history.Events.Where(e => e.Step is null).Select(e => e.Kind));
        Assert.Contains("000001-distil-4", history.Events.Single(e => e.Kind == "resume").Text);
    }

    [Fact]
    public void A_resume_from_an_older_checkpoint_takes_back_the_steps_behind_that_one()
    {
        using (EventLog log = EventLog.Open(_run))
        {
            Steps(log, 1, 2);
            Samples.Save(_run, 2);
            Steps(log, 3, 4);
            string newest = Samples.Save(_run, 4).Path;
            Steps(log, 5, 5);
            File.Delete(Path.Combine(newest, "state.json"));
        }
        using (LoadedCheckpoint found = Samples.Load(_run))
        using (EventLog log = EventLog.Resume(_run, found))
        {
            Steps(log, 3, 3);
        }
        EventHistory history = EventLog.Read(_run.Path);
        Assert.Equal([1, 2, 3], history.Series("loss", "step").Select(p => p.Step));
        Assert.Contains("state.json", history.Events.Single(e => e.Kind == "checkpoint-damaged").Text);
    }

    [Fact]
    public void A_resume_without_checkpoint_begins_with_the_first_step()
    {
        using (EventLog log = EventLog.Open(_run))
        {
            Steps(log, 1, 3);
        }
        using (EventLog log = EventLog.Resume(_run, null))
        {
            Steps(log, 1, 2);
        }
        Assert.Equal([1L, 2L], Steps());
        Assert.Equal("resume", EventLog.Read(_run.Path).Events[0].Kind);
    }

    [Fact]
    public void A_run_that_begins_is_no_resume()
    {
        using EventLog log = EventLog.Resume(_run, null);
        Steps(log, 1, 1);
        Assert.Equal("step", Assert.Single(EventLog.Read(_run.Path).Events).Kind);
    }

    [Fact]
    public void Events_are_there_for_readers_at_once()
    {
        using EventLog log = EventLog.Open(_run);
        Steps(log, 1, 1);
        Assert.Equal([1L], Steps());
        Steps(log, 2, 2);
        Assert.Equal([1L, 2L], Steps());
    }

    [Fact]
    public void Threads_do_not_mix_their_lines()
    {
        using EventLog log = EventLog.Open(_run);
        Parallel.For(0, 200, i => log.Append("step", "distil", i, Values(("loss", i))));
        Assert.Equal(Enumerable.Range(0, 200).Select(i => (long)i), Steps().Order());
        Assert.Equal(0, EventLog.Read(_run.Path).Unreadable);
    }

    [Theory]
    [InlineData(Fault.Death)]
    [InlineData(Fault.DeathInside)]
    [InlineData(Fault.DiskFull)]
    public void A_fault_at_any_operation_leaves_whole_events_from_the_first_on(Fault fault)
    {
        _run.Dispose();
        for (int at = 0; at < 6; at++)
        {
            string path = _folder[$"{fault}-{at}"];
            RunFolder.Create(path, Samples.Recipe).Dispose();
            var files = new FaultyFiles(fault, at);
            AppendWith(path, files);
            Assert.True(files.Struck);
            using RunFolder run = RunFolder.Open(path);
            using EventLog log = EventLog.Open(run);
            log.Append("step", "distil", 100, Values(("loss", 1)));
            EventHistory history = EventLog.Read(path);
            Assert.Equal(0, history.Unreadable);
            long[] steps = [.. history.Series("loss", "step").Select(p => p.Step)];
            Assert.Equal(100, steps[^1]);
            Assert.Equal(steps.Order().Distinct(), steps);
            if (fault != Fault.DiskFull)
            {
                Assert.Equal(Enumerable.Range(1, steps.Length - 1).Select(i => (long)i), steps[..^1]);
            }
        }
    }

    /// <summary>Appends five events, as far as the faults allow.</summary>
    private static void AppendWith(string path, FaultyFiles files)
    {
        try
        {
            var switched = new SwitchableFiles(files);
            using var run = RunFolder.Open(path, switched, TimeProvider.System);
            switched.On = true;
            using EventLog log = EventLog.Open(run);
            for (long step = 1; step <= 5; step++)
            {
                try
                {
                    log.Append("step", "distil", step, Values(("loss", step)));
                }
                catch (KdException failure)
                {
                    Assert.Equal(RunErrors.DiskFull.Id, failure.Code.Id);
                }
            }
        }
        catch (Exception failure) when (failure is SimulatedDeath or KdException)
        {
            // as far as it came
        }
    }

    private static void Steps(EventLog log, long first, long last)
    {
        for (long step = first; step <= last; step++)
        {
            log.Append("step", "distil", step, Values(("loss", step)));
        }
    }

    private long[] Steps() => [.. EventLog.Read(_run.Path).Series("loss", "step").Select(p => p.Step)];

    private static Dictionary<string, double> Values(params (string Name, double Value)[] values) =>
        values.ToDictionary(v => v.Name, v => v.Value);
}
