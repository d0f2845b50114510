using System.Diagnostics;
using System.Globalization;
using System.Reflection;

namespace KdPlugins.Torch.Native;

/// <summary>How a child of a trial is started: this very program, with a hook that lets it go no further than the trial.</summary>
internal static class Child
{
    private const string Hooks = "DOTNET_STARTUP_HOOKS";

    /// <summary>
    /// The child for a limit; null where this program cannot be started so: one that is no .NET program of its own (embedded in
    /// another), is one single file, or has startup hooks switched off.
    /// </summary>
    /// <param name="limit">What oneDNN is limited to.</param>
    /// <param name="first">The number of the shape to begin with.</param>
    internal static ProcessStartInfo? For(string limit, int first) =>
        With(limit, TrialWords.Variable, first.ToString(CultureInfo.InvariantCulture));

    /// <summary>The child for a limit with a variable that tells it what it is; null as above.</summary>
    internal static ProcessStartInfo? With(string? limit, string variable, string value)
    {
        var hook = typeof(Child).Assembly.Location;
        if (hook.Length == 0 || Command() is not { } command)
            return null;
        var start = new ProcessStartInfo(command[0], command[1..]);
        start.Environment[Hooks] = hook;
        start.Environment[variable] = value;
        if (limit is not null)
            start.Environment[InstructionChoice.Variable] = limit;
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        start.Environment["DOTNET_TieredPGO"] = "0";
        return start;
    }

    private static string[]? Command()
    {
        if (AppContext.TryGetSwitch("System.StartupHookProvider.IsSupported", out var supported) && !supported)
            return null;
        if (
            Environment.ProcessPath is not { } program
            || Assembly.GetEntryAssembly()?.Location is not { Length: > 0 } entry
        )
            return null;
        if (program + ".dll" == entry)
            return [program];
        if (Path.GetFileName(program) != "dotnet")
            return null;

        // dotnet [exec --runtimeconfig F --depsfile F] program.dll ...: all up to the program, none of what it is told.
        var line = File.ReadAllText("/proc/self/cmdline").Split('\0');
        var at = Array.FindIndex(line, 1, a => a.EndsWith(Path.GetFileName(entry), StringComparison.Ordinal));
        return at < 1 || !File.Exists(line[at]) ? null : [program, .. line[1..(at + 1)]];
    }
}
