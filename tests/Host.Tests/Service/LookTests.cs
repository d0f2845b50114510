using System.IO.Pipelines;
using System.Text;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Service;
using KdPlugins.Host.Service.Api;
using KdPlugins.Host.Service.Queue;

namespace KdPlugins.Host.Tests.Service;

/// <summary>What people look at: curves, logs, failures, attempts, streams.</summary>
public sealed class LookTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kd-look-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_long_curve_is_thinned_to_its_bound_and_keeps_its_extremes_and_its_order()
    {
        var curve = new ThinnedCurve(50);
        for (var i = 0; i < 100_000; i++)
            curve.Add(
                i,
                i == 71_234 ? 9
                    : i == 33_333 ? -9
                    : Math.Sin(i)
            );
        curve.Add(100_000, double.NaN);
        Assert.InRange(curve.Points.Count, 20, 50);
        Assert.Contains(curve.Points, p => p is [71_234, 9]);
        Assert.Contains(curve.Points, p => p is [33_333, -9]);
        Assert.Equal(curve.Points.OrderBy(p => p[0]), curve.Points);
        // As many of its first half as of its second.
        Assert.InRange(curve.Points[curve.Points.Count / 2][0], 35_000, 65_000);
        var small = new ThinnedCurve(50);
        small.Add(1, 2);
        small.Add(2, 1);
        Assert.Equal(
            [
                [1, 2],
                [2, 1],
            ],
            small.Points
        );
    }

    [Fact]
    public void Curves_are_told_apart_by_stage_and_network_and_damaged_lines_are_passed_over()
    {
        File.WriteAllText(
            Path.Combine(_folder, "events.jsonl"),
            """
            {"kind":"step","stage":"teacher/train","step":10,"values":{"loss":2,"lr.teacher":0.1}}
            {"kind":"evaluation","stage":"teacher/train","step":10,"values":{"teacher.validation.accuracy":0.5}}
            {"kind":"stage","stage":"teacher/train","step":10}
            [1,2]
            no json {"kind":
            {"kind":"step","stage":"distil","step":14,"values":{"loss":"NaN","lr.student":0.1}}
            {"kind":"step","stage":"distil","step":15,"values":{"loss":1,"lr.student":0.1}}
            {"kind":"step","stage":"dis
            """
        );
        var curves = RunCurves.Read(_folder, 100);
        double[][] Points(string role, string source, string name) =>
            [.. curves.Single(c => c.Role == role && c.Source == source && c.Name == name).Points];
        Assert.Equal(
            [
                [10, 2],
            ],
            Points("teacher", "", "loss")
        );
        Assert.Equal(
            [
                [10, 0.5],
            ],
            Points("teacher", "validation", "accuracy")
        );
        Assert.Equal(
            [
                [5, 1],
            ],
            Points("student", "", "loss")
        );
        // A mean over training steps is no meter's, whatever its name.
        Assert.All(curves.Where(c => c.Source.Length == 0), c => Assert.Equal(-1, c.Rank));
    }

    [Theory]
    [InlineData("seed-3", true)]
    [InlineData("seed-", false)]
    [InlineData("..", false)]
    [InlineData("seed-1/../..", false)]
    public void Only_names_of_seeds_lead_into_a_run(string text, bool isSeed) =>
        Assert.Equal(isSeed, CurveStore.IsSeed(text));

    [Fact]
    public void A_log_is_read_in_whole_lines_and_parts_join_to_the_whole()
    {
        var path = Path.Combine(_folder, "worker.log");
        Assert.Equal(new LogPart("", 0), LogPart.Read(path, null, 100));
        File.WriteAllText(path, "first é\nsecond 猫\nlast");
        Assert.Equal("first é\nsecond 猫\n", LogPart.Read(path, 0, 100).Text);
        Assert.Equal("second 猫\n", LogPart.Read(path, null, 20).Text);
        Assert.Equal("", LogPart.Read(path, long.MaxValue, 20).Text);
        Assert.Equal("first é\nsecond 猫\n", LogPart.Read(path, -5, 20).Text);

        // A line longer than a part, of characters of three bytes.
        var line = new string('猫', 500_000);
        File.WriteAllText(path, line);
        var text = new StringBuilder();
        for (long at = 0; at < new FileInfo(path).Length; )
        {
            var part = LogPart.Read(path, at, 1);
            Assert.True(part.Next > at);
            text.Append(part.Text);
            at = part.Next;
        }
        Assert.Equal(line, text.ToString());
    }

    [Fact]
    public void A_failure_has_its_code_and_what_to_do()
    {
        var job = Jobs.Running() with { State = JobState.Failed, ExitCode = 5 };
        Assert.Null(FailureAdvice.Of(Jobs.Running()));
        var entry = ServiceErrors.JobState;
        var known = FailureAdvice.Of(job with { Message = $"{entry.Id} It is so. {entry.Remedy} Attempt 2 follows." })!;
        Assert.Equal((entry.Id, entry.Title, entry.Remedy), (known.Code, known.Title, known.Remedy));
        Assert.Equal("It is so. Attempt 2 follows.", known.Message);
        foreach (var exit in (int[])[1, 2, 3, 4, 5, 6, 134, 137, 139, 143])
        {
            var found = FailureAdvice.Of(job with { Message = "It ended.", ExitCode = exit, TimeLimitSeconds = 1 })!;
            Assert.Null(found.Code);
            Assert.EndsWith(".", found.Remedy);
        }
    }

    [Fact]
    public void Attempts_are_kept_with_how_they_ended_and_waiting_runs_come_in_their_order()
    {
        var clock = new TestClock();
        var queue = JobQueue.Open(_folder, clock, TimeSpan.FromSeconds(600));
        var attempts = new AttemptLog(queue, clock);
        queue.Changed += attempts.Note;
        string[] ids = [.. new[] { 0, 5, 5 }.Select(p => queue.Submit(Jobs.Request(p), "tiny").Id)];
        Assert.Equal([ids[1], ids[2], ids[0]], queue.Waiting(0, 10).Items.Select(j => j.Id));
        Assert.Equal([ids[2]], queue.Waiting(1, 1).Items.Select(j => j.Id));
        Assert.Equal(3, queue.Waiting(-1, 0).Total);

        Assert.Empty(attempts.Of(ids[1]));
        queue.TakeNext("cpu");
        queue.Cancel(ids[1]);
        Assert.Null(Assert.Single(attempts.Of(ids[1])).Ended);
        queue.Change(ids[1], j => j with { State = JobState.Failed, ExitCode = 7, Message = "It broke." });
        File.AppendAllText(Path.Combine(queue.Folder(ids[1]).Root, AttemptLog.FileName), "{ torn");
        var attempt = Assert.Single(attempts.Of(ids[1]));
        Assert.Equal((1, "cpu", 7, "It broke."), (attempt.Number, attempt.Device, attempt.ExitCode, attempt.Message));
    }

    [Fact]
    public async Task A_stream_says_that_it_is_open_tells_what_happens_and_ends_with_the_service()
    {
        using var hub = new Hub(TimeProvider.System);
        using var ending = new CancellationTokenSource();
        var pipe = new Pipe();
        async Task<string> Next()
        {
            var read = await pipe.Reader.ReadAsync();
            var text = Encoding.UTF8.GetString(read.Buffer);
            pipe.Reader.AdvanceTo(read.Buffer.End);
            return text;
        }
        var stream = EventStream.Write(pipe.Writer, hub, "a", ending.Token);
        Assert.Equal("event: alive\ndata: {}\n\n", await Next());
        hub.Tell(new("b", "job", []));
        hub.Tell(new("a", "worker", new() { ["event"] = "step" }));
        Assert.Equal("event: worker\ndata: {\"run\":\"a\",\"data\":{\"event\":\"step\"}}\n\n", await Next());
        hub.Tell(Happening.Alive);
        Assert.Equal("event: alive\ndata: {}\n\n", await Next());
        Assert.Equal(1, hub.Watchers);
        await ending.CancelAsync();
        await stream;
        Assert.Equal(0, hub.Watchers);
    }

    [Fact]
    public async Task Who_reads_too_slowly_misses_the_oldest_and_holds_up_nobody()
    {
        using var hub = new Hub(TimeProvider.System);
        using var slow = hub.Open(null);
        for (var i = 0; i < 1000; i++)
            hub.Tell(new("a", "worker", new() { ["step"] = i }));
        List<int> read = [];
        while (slow.Reader.TryRead(out var happening))
            read.Add((int)happening.Data["step"]!);
        Assert.Equal(Enumerable.Range(744, 256), read);
        slow.Dispose();
        Assert.False(await slow.Reader.WaitToReadAsync());
    }
}
