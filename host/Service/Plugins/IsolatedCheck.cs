using System.Diagnostics;
using System.Text.Json.Nodes;
using KdPlugins.Host.Service.Workers;

namespace KdPlugins.Host.Service.Plugins;

/// <summary>What a check of a plugin folder found.</summary>
/// <param name="IsGood">Whether all of it can be made and unloaded.</param>
/// <param name="MayBeLoaded">Whether looking at it harms nobody: false where the check itself crashed or hung.</param>
/// <param name="Reason">What is wrong; empty for nothing.</param>
internal sealed record CheckResult(bool IsGood, bool MayBeLoaded, string Reason);

/// <summary>
/// Tries a plugin folder in a process of its own before the service loads it: a constructor that crashes, exits or hangs
/// ends that process, not the service.
/// </summary>
internal sealed class IsolatedCheck(ServiceOptions options)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Checks the folders below a root.</summary>
    internal async Task<CheckResult> Run(string root, CancellationToken stop)
    {
        var start = WorkerCommand.Program(options);
        foreach (
            var argument in (IEnumerable<string>)
                ["plugins", "verify", "--plugins", root, "--json", .. WorkerCommand.Trust(options)]
        )
            start.ArgumentList.Add(argument);
        start.RedirectStandardOutput = start.RedirectStandardError = true;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(stop);
        var error = process.StandardError.ReadToEndAsync(stop);
        using var late = CancellationTokenSource.CreateLinkedTokenSource(stop);
        late.CancelAfter(Patience);
        try
        {
            await process.WaitForExitAsync(late.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            stop.ThrowIfCancellationRequested();
            return new(false, false, $"Its check did not end within {Patience.TotalSeconds:0} s.");
        }
        return Judge(process.ExitCode, await output, await error);
    }

    private static CheckResult Judge(int exitCode, string output, string error)
    {
        if (exitCode == 0)
            return new(true, true, "");
        var said = output.Split('\n').Select(WorkerProgress.Parse).OfType<JsonObject>();
        var verified = said.FirstOrDefault(l => (string?)l["event"] == "verified");
        if (verified?["problems"] is JsonArray problems)
            return new(false, true, string.Join(" ", problems.Select(p => (string?)p)));
        var failure = error.Split('\n').Select(WorkerProgress.Parse).OfType<JsonObject>().FirstOrDefault();
        return failure is not null
            ? new(false, true, (string?)failure["message"] ?? "")
            : new(false, false, $"Its check ended with exit code {exitCode}: the process did not survive its plugins.");
    }
}
