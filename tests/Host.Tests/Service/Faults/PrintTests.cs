using System.Text.Json.Nodes;
using KdPlugins.Host.Service;
using KdPlugins.Host.Service.Processes;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Host.Tests.Commands;
using KdPlugins.Host.Tests.Loading;

namespace KdPlugins.Host.Tests.Service;

/// <summary>What plugins print is log: it is never taken for the program's word, and never comes between its lines.</summary>
public sealed class PrintTests : IDisposable
{
    // By every way that leads to the streams, and in every form that was ever taken for something else.
    private const string Loud = """
        [KdLoss("loud")] public sealed class Loud : DistillationLoss<NoOptions> {
            [System.Runtime.InteropServices.DllImport("libc")] static extern int puts(string text);
            [System.Runtime.InteropServices.DllImport("libc")] static extern int fflush(IntPtr stream);
            [System.Runtime.InteropServices.DllImport("libc")] static extern int system(string command);
            static readonly string[] Lines = [
                "{\"event\":5}", "{\"event\":\"step\",\"event\":\"step\"}", "{\"event\":\"\\ud800\"}", "not json",
                "{\"event\":\"done\",\"report\":{}}", "{\"event\":\"error\",\"message\":\"printed\"}", new string('x', 100_000) ];
            int _calls;
            public override Tensor Compute(ILossContext context) {
                if (++_calls <= 3)
                    foreach (var line in Lines) {
                        Console.WriteLine(line);
                        Console.Error.WriteLine(line);
                        Console.OpenStandardOutput().Write(System.Text.Encoding.UTF8.GetBytes(line + "\n"));
                        Console.OpenStandardOutput().Write([0xff, 0x00, 0x1b, 0x0a]);
                        puts(line);
                        fflush(0);
                    }
                if (_calls == 1) system("echo '{\"event\":5} of a child'");
                return context.Student.Logits.pow(2).mean();
            }
        }
        """;

    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    private string LoudPlugins()
    {
        var plugins = _kd.CopyPlugins();
        Directory.CreateDirectory(Path.Combine(plugins, "Loud"));
        File.WriteAllBytes(Path.Combine(plugins, "Loud", "Loud.dll"), PluginCompiler.Compile("Loud", Loud));
        return plugins;
    }

    private static JsonObject LoudRecipe()
    {
        var recipe = LocalService.Named("loud");
        recipe["losses"] = new JsonArray(new JsonObject { ["id"] = "loud" });
        return recipe;
    }

    [Fact]
    public async Task Every_line_of_a_run_with_json_is_its_own_whatever_a_plugin_prints()
    {
        string[] args = ["--plugins", LoudPlugins(), "--out", _kd.At("run"), "--threads", "1", "--json"];
        using var process = Kd.Start(["run", _kd.Write("loud.json", LoudRecipe().ToJsonString()), .. args]);
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, (await error)[^2000..]);
        var lines = new KdResult(0, output, "").Lines;
        Assert.All(lines, l => Assert.NotEmpty(l["event"]!.GetValue<string>()));
        Assert.Equal(2, lines.Count(l => l.ContainsKey("report") || (string?)l["event"] == "start"));
        Assert.Equal("done", (string)lines[^1]["event"]!);
        Assert.Contains("{\"event\":5} of a child\n", await error);
        Assert.True((await error).Split("not json").Length > 4 * 3);
    }

    [Fact]
    public async Task A_finished_run_is_done_whatever_its_plugins_printed()
    {
        LoudPlugins();
        await using var service = await LocalService.Start(
            _kd,
            o => (o.WorkerCommand, o.Threads, o.MaxFailures) = (["dotnet", Kd.Program], 1, 1)
        );
        var id = await service.Submit(LoudRecipe());
        var job = await service.WaitFor(id);
        Assert.True(job.State == JobState.Done, job.Message);
        var log = File.ReadAllText(service.Queue.Folder(id).LogPath);
        Assert.Contains("not json", log);
        Assert.Contains("{\"event\":5} of a child", log);
        // Its own word is in the log as well, for those who read there.
        Assert.Contains("\"event\":\"evaluation\"", log);
    }

    [Fact]
    public async Task What_is_printed_is_neither_a_farewell_nor_a_sign_of_life_nor_a_failure()
    {
        await using var service = await LocalService.Start(_kd, o => (o.MaxFailures, o.StallSeconds) = (1, 2));
        var (done, odd, on) = (
            await service.Submit("prints-done"),
            await service.Submit("prints-odd"),
            await service.Submit("prints-on")
        );
        var job = await service.WaitFor(done);
        Assert.Equal(JobState.Failed, job.State);
        Assert.StartsWith(ServiceErrors.WorkerEnded.Id, job.Message);
        job = await service.WaitFor(odd);
        Assert.True(job.State == JobState.Done, job.Message);
        Assert.InRange(new FileInfo(service.Queue.Folder(odd).LogPath).Length, 1 << 20, (1 << 20) + 2000);
        job = await service.WaitFor(on);
        Assert.Equal(JobState.Failed, job.State);
        Assert.StartsWith(ServiceErrors.WorkerStalled.Id, job.Message);
    }

    [Fact]
    public async Task A_log_that_cannot_be_written_takes_nothing_from_a_run()
    {
        await using var service = await LocalService.Start(_kd, o => o.MaxFailures = 1);
        var (before, folder, full) = (
            await service.Submit("waits"),
            await service.Submit("good"),
            await service.Submit("prints-odd")
        );
        Directory.CreateDirectory(service.Queue.Folder(folder).LogPath);
        File.CreateSymbolicLink(service.Queue.Folder(full).LogPath, "/dev/full");
        service.Queue.Cancel(before);
        foreach (var id in (string[])[folder, full])
        {
            var job = await service.WaitFor(id);
            Assert.True(job.State == JobState.Done, job.Message);
            Assert.Single(service.Log.Text.Split('\n'), l => l.Contains(id) && l.Contains("beside it went wrong"));
        }
    }

    [Fact]
    public async Task Lines_of_any_bytes_and_length_are_read_and_cut()
    {
        byte[] bytes =
        [
            .. "one\n\n"u8,
            0xff,
            0x00,
            (byte)'\n',
            .. Enumerable.Repeat((byte)'a', 100_000),
            (byte)'\n',
            .. "é"u8,
            .. "last"u8,
        ];
        foreach (var part in (int[])[1, 7, 1 << 14, 1 << 20])
        {
            var lines = new BoundedLines(new Parts(bytes, part), 1000);
            List<string> read = [];
            while (await lines.Next() is { } line)
                read.Add(line);
            Assert.Equal(["one", "", "\ufffd\0", new string('a', 1000), "élast"], read);
        }
    }

    [Theory]
    [InlineData("{\"event\":5}")]
    [InlineData("{\"event\":null}")]
    [InlineData("{\"event\":{}}")]
    [InlineData("{\"event\":\"a\",\"event\":\"a\"}")]
    [InlineData("{\"event\":\"a\",\"values\":{\"b\":1,\"b\":2}}")]
    [InlineData("{\"event\":\"\\ud800\"}")]
    [InlineData("{\"event\":\"a\"")]
    [InlineData("{\"event\":\"a\"} x")]
    [InlineData("[]")]
    [InlineData("")]
    public void What_is_no_word_is_none(string line) => Assert.Null(WorkerProgress.Parse(line));

    // A stream that gives so many bytes at a time.
    private sealed class Parts(byte[] bytes, int part) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> to, CancellationToken stop = default) =>
            base.ReadAsync(to[..Math.Min(part, to.Length)], stop);
    }
}
