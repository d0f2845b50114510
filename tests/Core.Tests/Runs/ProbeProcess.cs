using System.Diagnostics;
using Xunit;

namespace KdPlugins.Core.Tests.Runs;

/// <summary>A process of its own that holds a run (see tests/Core.Probe); killed at the latest when disposed.</summary>
internal sealed class ProbeProcess : IDisposable
{
    private readonly Process _process;

    private ProbeProcess(Process process) => _process = process;

    public int Id => _process.Id;

    /// <summary>Starts it and waits until it holds the run.</summary>
    public static ProbeProcess Start(string verb, string folder)
    {
        string assembly = Path.Combine(AppContext.BaseDirectory, "KdPlugins.Core.Probe.dll");
        var start = new ProcessStartInfo("dotnet", [assembly, verb, folder])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var probe = new ProbeProcess(Process.Start(start)!);
        string? line = probe._process.StandardOutput.ReadLine();
        Assert.True(line == "ready", line ?? probe._process.StandardError.ReadToEnd());
        return probe;
    }

    /// <summary>SIGKILL: nothing in it gets to run any more.</summary>
    public void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    public void Dispose()
    {
        Kill();
        _process.Dispose();
    }
}
