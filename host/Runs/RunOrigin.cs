using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Texts;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Host.Runs;

/// <summary>
/// Where a run came from, in origin.json of its folder: what a resume needs beside the recipe, and what a person wants to
/// know later. It is there before anything else, so that a run can be resumed from the moment its folder exists.
/// </summary>
/// <param name="RecipePath">The recipe's file.</param>
/// <param name="RecipeFolder">What relative paths in the recipe are relative to.</param>
/// <param name="Recipe">The resolved recipe.</param>
/// <param name="PluginFolder">The plugin folder that was named; null for the default.</param>
/// <param name="MaxStepsPerStage">The limit that was given; 0 for none.</param>
/// <param name="Threads">Threads of libtorch: another number may round differently.</param>
/// <param name="CommandLine">The arguments.</param>
internal sealed record RunOrigin(
    string RecipePath,
    string RecipeFolder,
    string Recipe,
    string? PluginFolder,
    long MaxStepsPerStage,
    int Threads,
    IReadOnlyList<string> CommandLine
)
{
    internal const string FileName = "origin.json";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Makes the run's folder, this file in it from its first moment on.</summary>
    internal void Create(string folder, NativeInfo native)
    {
        if (Directory.Exists(folder))
        {
            Write(folder, native);
            return;
        }
        var parent = Path.GetDirectoryName(folder)!;
        Directory.CreateDirectory(parent);
        var temporary = Path.Combine(parent, $".{Path.GetFileName(folder)}.{Environment.ProcessId}.tmp");
        try
        {
            Directory.CreateDirectory(temporary);
            Write(temporary, native);
            Directory.Move(temporary, folder);
        }
        catch
        {
            if (Directory.Exists(temporary))
                Directory.Delete(temporary, recursive: true);
            throw;
        }
    }

    /// <summary>Reads the file of a run.</summary>
    /// <exception cref="KdException"><c>KDP0600</c>: no run there; <c>KDP0803</c>: the file cannot be used.</exception>
    internal static RunOrigin Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
            throw RunFolder.Exists(folder)
                ? Bad($"'{folder}' has no {FileName}.", null)
                : new KdException(RunErrors.RunMissing, $"'{folder}' holds no run: there is no {FileName} in it.");
        try
        {
            return Parse(Json.Read(path));
        }
        catch (Exception e)
            when (e is JsonException or InvalidOperationException or NullReferenceException or FormatException)
        {
            throw Bad($"'{path}' cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The same, null where it cannot be used.</summary>
    internal static RunOrigin? TryRead(string folder)
    {
        try
        {
            return Read(folder);
        }
        catch (KdException)
        {
            return null;
        }
    }

    private static KdException Bad(string detail, Exception? cause)
    {
        var error = new KdException(CommandErrors.BadOrigin, detail, null, cause);
        ExitCodes.Mark(error, ExitCodes.Damaged);
        return error;
    }

    private static RunOrigin Parse(JsonObject json) =>
        new(
            json["recipe"]!.GetValue<string>(),
            json["recipeFolder"]!.GetValue<string>(),
            json["resolved"]!.GetValue<string>(),
            json["plugins"]?.GetValue<string>(),
            json["maxStepsPerStage"]!.GetValue<long>(),
            json["threads"]!.GetValue<int>(),
            [.. json["commandLine"]!.AsArray().Select(a => a!.GetValue<string>())]
        );

    private void Write(string folder, NativeInfo native)
    {
        var json = new JsonObject
        {
            ["format"] = "1.0",
            ["recipe"] = RecipePath,
            ["recipeFolder"] = RecipeFolder,
            ["plugins"] = PluginFolder,
            ["maxStepsPerStage"] = MaxStepsPerStage,
            ["threads"] = Threads,
            ["commandLine"] = new JsonArray([.. CommandLine.Select(a => JsonValue.Create(a))]),
            ["workingFolder"] = Environment.CurrentDirectory,
            ["started"] = TimeProvider.System.GetUtcNow().ToString("O"),
            ["host"] = typeof(RunOrigin).Assembly.GetName().Version?.ToString(3),
            ["runtime"] = RuntimeInformation.FrameworkDescription,
            ["torchSharp"] = typeof(TorchSharp.torch).Assembly.GetName().Version?.ToString(3),
            ["libtorch"] = native.LibTorchFolder,
            ["system"] = RuntimeInformation.OSDescription,
            ["resolved"] = Recipe,
        };
        AtomicFile.Write(
            Path.Combine(folder, FileName),
            stream => stream.Write(JsonSerializer.SerializeToUtf8Bytes(json, Indented))
        );
    }
}
