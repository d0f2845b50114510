using System.Diagnostics;
using System.Text.Json;
using KdPlugins.Torch.Native;

namespace KdPlugins.Torch.Tests.Native;

/// <summary>Starts <c>KdPlugins.Torch.Probe</c> as a process of its own.</summary>
internal static class Probe
{
    internal sealed record Result(int ExitCode, string Output, string Errors)
    {
        internal Started Facts => JsonSerializer.Deserialize<Started>(Output)!;
    }

    internal sealed record Started(
        string Source,
        string LibTorchFolder,
        string LibTorchSharpPath,
        string? Relaxed,
        string[] Refusals,
        float Sum,
        string[] Mapped
    );

    internal static string Folder => AppContext.BaseDirectory;

    internal static Task<Result> Run(string command, params (string Name, string? Value)[] environment) =>
        RunIn(Folder, command, environment);

    internal static async Task<Result> RunIn(
        string folder,
        string command,
        params (string Name, string? Value)[] environment
    )
    {
        var start = new ProcessStartInfo(
            Environment.ProcessPath is { } host && Path.GetFileName(host) == "dotnet" ? host : "dotnet"
        )
        {
            ArgumentList = { Path.Combine(folder, "KdPlugins.Torch.Probe.dll"), command },
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("KD_LIBTORCH");
        // These processes look for libraries; which instructions are right is not their question.
        start.Environment[InstructionChoice.Variable] = "AVX2";
        foreach (var (name, value) in environment)
            if (value is null)
                start.Environment.Remove(name);
            else
                start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new(process.ExitCode, await output, await errors);
    }
}
