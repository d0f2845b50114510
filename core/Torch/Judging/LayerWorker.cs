using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;

namespace KdPlugins.Torch.Judging;

/// <summary>
/// The parent's side: a child that is asked of one shape after the other, where a crash or a hang is an answer like any other; the
/// next question starts another child.
/// </summary>
/// <param name="child">How a child is started; null where it cannot be.</param>
/// <param name="patience">How long it may compute one shape before it counts as hung, and a tenth of how long it may start.</param>
internal sealed class LayerWorker(Func<ProcessStartInfo?> child, TimeSpan patience)
{
    internal const string Hangs = "hangs";

    // A cold disk may take that many times longer to load libtorch.
    private const int StartPatience = 10;

    private Process? _process;
    private BlockingCollection<string> _lines = [];

    /// <summary>What a child says of a shape; null where none can be started.</summary>
    internal LayerVerdict? Ask(LayerShape shape, int threads)
    {
        if (_process is null && !Start())
            return null;
        try
        {
            _process!.StandardInput.WriteLine(LayerChild.Question(shape, threads));
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            // It is gone; what follows says how.
        }
        if (Next(LayerChild.Answer, patience, out var ended) is { } line)
            return JsonSerializer.Deserialize<LayerVerdict>(line);
        return new([], ended);
    }

    /// <summary>Ends the child, if there is one.</summary>
    internal void Rest()
    {
        if (_process is not { } process)
            return;
        _process = null;
        process.StandardInput.Close();
        if (!process.WaitForExit(TimeSpan.FromSeconds(5)))
            process.Kill(entireProcessTree: true);
        process.Dispose();
    }

    private bool Start()
    {
        if (child() is not { } start)
            return false;
        start.RedirectStandardOutput = start.RedirectStandardError = start.RedirectStandardInput = true;
        try
        {
            _process = Process.Start(start);
        }
        catch (Win32Exception)
        {
            return false;
        }
        if (_process is not { } process)
            return false;
        var lines = _lines = [];
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is null)
                lines.CompleteAdding();
            else
                lines.Add(line.Data);
        };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return Next(LayerChild.Ready, StartPatience * patience, out _) is not null;
    }

    // The rest of the next line that begins so; null where the child ends or takes too long, and is no more then.
    private string? Next(string word, TimeSpan limit, out string? ended)
    {
        ended = null;
        var clock = Stopwatch.StartNew();
        while (clock.Elapsed < limit)
        {
            var left = limit - clock.Elapsed;
            if (!_lines.TryTake(out var line, left > TimeSpan.Zero ? left : TimeSpan.Zero))
            {
                if (_lines.IsCompleted)
                    break;
                continue;
            }
            if (line.StartsWith(word, StringComparison.Ordinal))
                return line[word.Length..];
        }
        ended = _lines.IsCompleted ? "" : Hangs;
        var process = _process!;
        _process = null;
        if (ended == Hangs)
            process.Kill(entireProcessTree: true);
        process.WaitForExit();
        if (ended != Hangs)
            ended = $"ends the process with code {process.ExitCode}";
        process.Dispose();
        return null;
    }
}
