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
    private const int MaxWordBytes = 16 << 20;
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
        using var child = ChildProcess.Start(start);
        var process = child.Process;
        var said = Said(child.Words);
        // What plugins print is nobody's concern here, but a full pipe would hold the process up.
        _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null, stop);
        _ = process.StandardError.BaseStream.CopyToAsync(Stream.Null, stop);
        using var late = CancellationTokenSource.CreateLinkedTokenSource(stop);
        late.CancelAfter(Patience);
        try
        {
            await process.WaitForExitAsync(late.Token);
        }
        catch (OperationCanceledException)
        {
            ChildProcess.Kill(process);
            stop.ThrowIfCancellationRequested();
            return new(false, false, $"Its check did not end within {Patience.TotalSeconds:0} s.");
        }
        return Judge(process.ExitCode, await said.WaitAsync(Patience, stop));
    }

    private static async Task<List<JsonObject>> Said(Stream words)
    {
        var lines = new BoundedLines(words, MaxWordBytes);
        List<JsonObject> said = [];
        while (await lines.Next() is { } line)
            if (WorkerProgress.Parse(line) is { } word)
                said.Add(word);
        return said;
    }

    private static CheckResult Judge(int exitCode, List<JsonObject> said)
    {
        JsonObject? Word(string name) => said.FirstOrDefault(l => (string?)l["event"] == name);
        // A plugin that ends the process as if all were well has not been verified.
        if (Word("verified")?["problems"] is JsonArray problems)
            return new(exitCode == 0, true, string.Join(" ", problems.Select(p => (string?)p)));
        return Word("error") is { } failure
            ? new(false, true, (string?)failure["message"] ?? "")
            : new(false, false, $"Its check ended with exit code {exitCode}: the process did not survive its plugins.");
    }
}
