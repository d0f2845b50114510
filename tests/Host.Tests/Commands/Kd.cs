using System.Diagnostics;
using System.Text.Json.Nodes;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>What a command said and how it ended.</summary>
internal sealed record KdResult(int ExitCode, string Output, string Error)
{
    /// <summary>The lines of the output, each a JSON object.</summary>
    internal IReadOnlyList<JsonObject> Lines => Parse(Output);

    /// <summary>The one line on the error stream.</summary>
    internal JsonObject Failure => Assert.Single(Parse(Error));

    private static List<JsonObject> Parse(string text) =>
        [
            .. text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => Assert.IsType<JsonObject>(JsonNode.Parse(line))),
        ];
}

/// <summary>Commands in this process and in others, a folder for what they write, and a recipe that takes no time.</summary>
public sealed class Kd : IDisposable
{
    /// <summary>The recipe's text.</summary>
    internal const string Recipe = """
        {
          "name": "tiny", "seed": 3,
          "dataset": { "id": "shapes", "options": { "train": 96, "test": 32, "classes": 3, "size": 8 } },
          "models": {
            "teacher": { "id": "cifar-resnet", "options": { "depth": 8 } },
            "student": { "id": "cifar-resnet", "options": { "depth": 8 } }
          },
          "losses": [ { "id": "cross-entropy", "weight": 0.1 }, { "id": "kd", "weight": 0.9 } ],
          "strategy": { "id": "offline" },
          "training": { "epochs": 2, "batchSize": 16 },
          "prepare": [ {
            "name": "teacher", "role": "teacher", "once": true,
            "strategy": { "id": "supervised", "options": { "role": "teacher" } },
            "losses": [ { "id": "cross-entropy" } ]
          } ]
        }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("kd-commands-").FullName;

    /// <summary>The plugins as they ship, beside the host's own output.</summary>
    internal static string Plugins { get; } = Path.Combine(HostOutput(), "plugins");

    internal string At(string name) => Path.Combine(_folder, name);

    internal string Write(string name, string text)
    {
        File.WriteAllText(At(name), text);
        return At(name);
    }

    internal string TinyRecipe() => Write("tiny.json", Recipe);

    /// <summary>A folder with the shipped plugins that the tiny recipe needs, to add others to.</summary>
    internal string CopyPlugins()
    {
        var target = At("plugins");
        foreach (var name in (string[])["Datasets", "Losses", "Meters", "Models", "Strategies"])
            Copy(Path.Combine(Plugins, name), Path.Combine(target, name));
        return target;
    }

    /// <summary>Copies a folder with all that is in it.</summary>
    internal static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var folder in Directory.EnumerateDirectories(from, "*", SearchOption.AllDirectories))
            Directory.CreateDirectory(Path.Combine(to, Path.GetRelativePath(from, folder)));
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
            File.Copy(file, Path.Combine(to, Path.GetRelativePath(from, file)));
    }

    /// <summary>The program itself, for scripts that start it.</summary>
    internal static string Program { get; } = Path.Combine(HostOutput(), "kd.dll");

    /// <summary>Runs a command in this process.</summary>
    internal static KdResult Call(params string[] args)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var code = CommandLine.Run(args, new(output, error, IsTerminal: false, Json: false, Verbose: false));
        return new(code, output.ToString(), error.ToString());
    }

    /// <summary>Starts a command in a process of its own.</summary>
    internal static Process Start(params string[] args) => Start(new Dictionary<string, string>(), args);

    /// <summary>Starts a command in a process of its own, with more in its environment.</summary>
    internal static Process Start(IReadOnlyDictionary<string, string> environment, params string[] args)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Program);
        foreach (var arg in args)
            start.ArgumentList.Add(arg);
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>
    /// The folder of a run that was killed so many lines after its start, and before its end: one that came to its end
    /// before its lines were read is begun anew, under another name.
    /// </summary>
    internal async Task<string> StoppedAsync(int lines, Func<string, string[]> args)
    {
        for (var attempt = 1; attempt <= 10; attempt++)
        {
            var name = $"stopped-{attempt}";
            using var process = Start([.. args(name), "--json"]);
            var error = process.StandardError.ReadToEndAsync();
            for (var line = 0; line < lines; line++)
                if (await process.StandardOutput.ReadLineAsync() is null)
                    Assert.Fail(await error);
            process.Kill();
            await process.WaitForExitAsync();
            if (!File.Exists(At($"{name}/student-last.safetensors")))
                return At(name);
        }
        throw new InvalidOperationException("Ten runs came to their end before they could be killed.");
    }

    /// <summary>Starts a command in a process that may open so many files.</summary>
    internal static Process StartWithin(int descriptors, params string[] args)
    {
        var start = new ProcessStartInfo("sh") { RedirectStandardOutput = true, RedirectStandardError = true };
        string[] all = ["-c", $"ulimit -n {descriptors}; exec dotnet \"$@\"", "sh", Program, .. args];
        foreach (var arg in all)
            start.ArgumentList.Add(arg);
        return Process.Start(start)!;
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string HostOutput()
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory);
        var root = own.Parent!.Parent!.Parent!.Parent!.Parent!.FullName;
        return Path.Combine(root, "host", "bin", own.Parent.Name, own.Name);
    }
}
