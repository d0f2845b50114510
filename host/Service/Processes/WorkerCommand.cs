using System.Diagnostics;
using System.Globalization;
using KdPlugins.Host.Runs;
using KdPlugins.Host.Service.Queue;

namespace KdPlugins.Host.Service.Processes;

/// <summary>How a worker process is started: this program again, with a run to carry out or to go on with.</summary>
internal static class WorkerCommand
{
    /// <summary>The start of an attempt. The worker saves and ends when its standard input is closed.</summary>
    internal static ProcessStartInfo Make(
        ServiceOptions options,
        JobFolder folder,
        JobRequest request,
        string device,
        string plugins
    )
    {
        var start = Program(options);
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        start.WorkingDirectory = folder.Root;
        foreach (var argument in Arguments(options, folder, request, device, plugins))
            start.ArgumentList.Add(argument);
        return start;
    }

    /// <summary>The start of this program, without arguments.</summary>
    internal static ProcessStartInfo Program(ServiceOptions options)
    {
        string[] program = options.WorkerCommand.Count > 0 ? [.. options.WorkerCommand] : ThisProgram();
        var start = new ProcessStartInfo(program[0]);
        foreach (var argument in program.Skip(1))
            start.ArgumentList.Add(argument);
        return start;
    }

    /// <summary>The arguments that pass on how far plugins are trusted.</summary>
    internal static string[] Trust(ServiceOptions options) =>
        options.TrustedKeys.Length > 0
            ? ["--trust", options.Trust.ToString(), "--trusted-keys", Path.GetFullPath(options.TrustedKeys)]
            : ["--trust", options.Trust.ToString()];

    // What a link leads to may have changed since the recipe was taken in.
    private static IEnumerable<string> Within(ServiceOptions options) =>
        DataRoots.Of(options)?.Folders.SelectMany(f => (string[])["--within", f]) ?? [];

    private static IEnumerable<string> Arguments(
        ServiceOptions options,
        JobFolder folder,
        JobRequest request,
        string device,
        string plugins
    )
    {
        string[] common = ["--json", "--supervised", "--plugins", plugins, .. Trust(options), .. Within(options)];
        if (File.Exists(Path.Combine(folder.RunPath, RunOrigin.FileName)))
            return ["resume", folder.RunPath, .. common];
        IEnumerable<string> settings = request.Settings;
        if (device != "auto")
            settings = settings.Append($"device={device}");
        List<string> run = ["run", folder.RecipePath, "--out", folder.RunPath, "--recipe-folder", request.RecipeFolder];
        run.AddRange(settings.SelectMany(s => (string[])["--set", s]));
        if (options.Threads > 0)
            run.AddRange(["--threads", options.Threads.ToString(CultureInfo.InvariantCulture)]);
        if (request.MaxStepsPerStage > 0)
            run.AddRange(["--max-steps-per-stage", request.MaxStepsPerStage.ToString(CultureInfo.InvariantCulture)]);
        return run.Concat(common);
    }

    // The program's own launcher where there is one; 'dotnet kd.dll' elsewhere.
    private static string[] ThisProgram()
    {
        var assembly = Path.Combine(AppContext.BaseDirectory, "kd.dll");
        return Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "kd"
            ? [path]
            : [Environment.ProcessPath is { } host && Path.GetFileName(host) == "dotnet" ? host : "dotnet", assembly];
    }
}
