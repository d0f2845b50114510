using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>A run in a process of its own, stopped from outside.</summary>
[Collection("commands")]
public sealed partial class SignalTests : IDisposable
{
    private const int Sigterm = 15;
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    [Fact]
    public async Task A_run_that_SIGTERM_stopped_goes_on_to_the_student_of_the_whole_run()
    {
        // Long enough that a fast machine is not through before the signal is heeded.
        string[] settings = ["--plugins", Kd.Plugins, "--threads", "1", "--set", "training.epochs=60"];
        var recipe = _kd.TinyRecipe();
        var folder = _kd.At("stopped");
        using (var process = Kd.Start(["run", recipe, "--out", folder, "--json", .. settings]))
        {
            // The first reading of the means is in the middle of the first stage.
            while (await process.StandardOutput.ReadLineAsync() is { } line)
                if (line.Contains("\"event\":\"step\""))
                    break;
            Assert.Equal(0, Kill(process.Id, Sigterm));
            var rest = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            Assert.Equal(ExitCodes.Terminated, process.ExitCode);
            Assert.Contains("\"event\":\"stopped\"", rest);
            Assert.Contains("\"exitCode\": 143", await File.ReadAllTextAsync(Path.Combine(folder, "status.json")));
        }
        var resumed = Kd.Call("resume", folder, "--json");
        Assert.True(resumed.ExitCode == 0, resumed.Error);
        var whole = Kd.Call(["run", recipe, "--out", _kd.At("whole"), .. settings]);
        Assert.True(whole.ExitCode == 0, whole.Error);
        Assert.Equal(Sha(_kd.At("whole")), Sha(folder));
    }

    private static string Sha(string run) =>
        Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(run, "student.safetensors"))));

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
