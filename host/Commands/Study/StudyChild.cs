using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Service.Processes;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Study;

/// <summary>
/// A run of a study in a process of its own: whatever happens to it, a crash of native code included, happens to no other run.
/// It saves and ends when this process ends, however that ends.
/// </summary>
internal sealed class StudyChild(StudyRun run, StudyRequest request, string recipeFile, string logFile)
{
    private const int MaxWordBytes = 16 << 20;
    private const int MaxPrintedBytes = 1 << 16;

    // A person's Ctrl-C reaches the child too, which says so: a second signal would end it without saving.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private string _message = "";
    private string _farewell = "";
    private volatile bool _isStopping;

    /// <summary>What it has said last.</summary>
    internal WorkerProgress Progress { get; private set; } = WorkerProgress.None;

    /// <summary>Carries the run out, or goes on with it; the run's state says how it ended.</summary>
    /// <param name="told">Called with what it says.</param>
    /// <param name="stop">Asks it to save and end.</param>
    internal async Task Run(Action<JsonObject> told, CancellationToken stop)
    {
        using var child = ChildProcess.Start(Start());
        var process = child.Process;
        var reading = Task.WhenAll(
            Listen(child.Words, told),
            Print(process.StandardOutput.BaseStream),
            Print(process.StandardError.BaseStream)
        );
        await using (stop.Register(() => _ = Stop(process)))
            await process.WaitForExitAsync(CancellationToken.None);
        // A grandchild may hold the standard streams open: nobody waits for what it prints.
        await Task.WhenAny(reading, Task.Delay(TimeSpan.FromSeconds(5), CancellationToken.None));
        Conclude(process.ExitCode);
    }

    private void Conclude(int exitCode)
    {
        run.Look(request.MaxStepsPerStage);
        if (run.State == StudyRunState.Done)
            return;
        run.ExitCode = exitCode;
        if (_farewell == "stopped")
        {
            run.State = StudyRunState.Stopped;
            return;
        }
        run.State = StudyRunState.Failed;
        run.Message =
            _message.Length > 0 ? _message
            : exitCode > 128 ? $"its process was ended by signal {exitCode - 128}; see {logFile}"
            : $"its process ended with exit code {exitCode} and without a word; see {logFile}";
        if (run.ExitCode == 0)
            run.ExitCode = ExitCodes.Failed;
    }

    private ProcessStartInfo Start()
    {
        var start = WorkerCommand.Program(new());
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        foreach (var argument in Arguments())
            start.ArgumentList.Add(argument);
        // What a study runs is what its file says, and nothing that happens to be set.
        foreach (
            var name in start
                .Environment.Keys.Where(k => k.StartsWith(RecipeOverrides.Prefix, StringComparison.Ordinal))
                .ToList()
        )
            start.Environment.Remove(name);
        return start;
    }

    private IEnumerable<string> Arguments()
    {
        var folder = run.Plan.Folder;
        List<string> common = ["--json", "--supervised", .. request.Trust];
        if (request.Plugins is { } plugins)
            common.AddRange(["--plugins", plugins]);
        if (File.Exists(Path.Combine(folder, RunOrigin.FileName)))
            return ["resume", folder, .. common];
        List<string> words = ["run", recipeFile, "--out", folder, "--recipe-folder", run.Plan.Recipe.Folder];
        words.AddRange(["--threads", request.Threads.ToString(CultureInfo.InvariantCulture)]);
        if (request.MaxStepsPerStage > 0)
            words.AddRange(["--max-steps-per-stage", request.MaxStepsPerStage.ToString(CultureInfo.InvariantCulture)]);
        return words.Concat(common);
    }

    private async Task Listen(Stream words, Action<JsonObject> told)
    {
        var lines = new BoundedLines(words, MaxWordBytes);
        while (await lines.Next() is { } line)
        {
            if (WorkerProgress.Parse(line) is not { } said)
                continue;
            Progress = Progress.After(said);
            switch ((string?)said["event"])
            {
                case "error":
                    _message = (string?)said["message"] ?? "";
                    break;
                case "stopping":
                    _isStopping = true;
                    break;
                case "done" or "stopped":
                    _farewell = (string)said["event"]!;
                    break;
            }
            told(said);
        }
    }

    // What plugins print, and the last words of a crash.
    private async Task Print(Stream from)
    {
        var lines = new BoundedLines(from, MaxPrintedBytes);
        while (await lines.Next() is { } line)
            lock (_gate)
                try
                {
                    Directory.CreateDirectory(Path.GetDirectoryName(logFile)!);
                    File.AppendAllText(logFile, line + "\n");
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    // A log that cannot be written stops no run.
                }
    }

    private async Task Stop(Process process)
    {
        await Task.Delay(Grace, CancellationToken.None);
        if (_isStopping)
            return;
        try
        {
            process.StandardInput.Close();
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // It has ended meanwhile.
        }
    }
}
