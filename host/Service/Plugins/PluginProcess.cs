using System.Text.Json.Nodes;
using KdPlugins.Host.Service.Processes;

namespace KdPlugins.Host.Service.Plugins;

/// <summary>What a process of this program said before it ended.</summary>
internal sealed record PluginAnswer(int ExitCode, IReadOnlyList<JsonObject> Lines)
{
    /// <summary>The line of an event; null where it was not said.</summary>
    internal JsonObject? Said(string name) => Lines.FirstOrDefault(l => (string?)l["event"] == name);
}

/// <summary>Runs a command of this program that loads plugins in a process of its own, which ends with all that they did.</summary>
internal sealed class PluginProcess(ServiceOptions options)
{
    private const int MaxWordBytes = 16 << 20;

    /// <summary>How long one may take.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>What it said; null where it did not end in time.</summary>
    internal async Task<PluginAnswer?> Ask(IEnumerable<string> arguments, CancellationToken stop)
    {
        var start = WorkerCommand.Program(options);
        foreach (var argument in (IEnumerable<string>)[.. arguments, "--json", .. WorkerCommand.Trust(options)])
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
            return null;
        }
        return new(process.ExitCode, await said.WaitAsync(Patience, stop));
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
}
