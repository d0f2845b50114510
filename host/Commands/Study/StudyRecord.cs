using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Texts;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Study;

/// <summary>What study.json of a study's folder says of how it was started.</summary>
/// <param name="Name">The study's name.</param>
/// <param name="File">The study, as it was named: a name, or an absolute path.</param>
/// <param name="With">The values of parameters.</param>
/// <param name="Set">Overrides of every recipe.</param>
/// <param name="Threads">Threads of each run.</param>
/// <param name="MaxStepsPerStage">The limit of every run; 0 for none.</param>
/// <param name="Plugins">The plugin folder that was named; null for the default.</param>
internal sealed record StudyRecord(
    string Name,
    string File,
    IReadOnlyDictionary<string, string> With,
    IReadOnlyList<string> Set,
    int Threads,
    long MaxStepsPerStage,
    string? Plugins
)
{
    internal const string FileName = "study.json";

    private const int MaxBytes = 64 << 20;

    /// <summary>Whether a folder has one.</summary>
    internal static bool Exists(string folder) => System.IO.File.Exists(Path.Combine(folder, FileName));

    /// <summary>Reads it; null where there is none.</summary>
    /// <exception cref="KdException"><c>KDP0632</c>: it is damaged.</exception>
    internal static StudyRecord? Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!System.IO.File.Exists(path))
            return null;
        try
        {
            var json = Json.Read(path, MaxBytes);
            return new(
                json["name"]!.GetValue<string>(),
                json["file"]!.GetValue<string>(),
                json["with"]!.AsObject().ToDictionary(w => w.Key, w => w.Value!.GetValue<string>()),
                [.. json["set"]!.AsArray().Select(s => s!.GetValue<string>())],
                json["threads"]!.GetValue<int>(),
                json["maxStepsPerStage"]!.GetValue<long>(),
                json["plugins"]?.GetValue<string>()
            );
        }
        catch (Exception e)
            when (e
                    is JsonException
                        or IOException
                        or InvalidOperationException
                        or NullReferenceException
                        or FormatException
            )
        {
            var detail =
                e is NullReferenceException
                    ? "something is missing in it"
                    : e.Message.Split(" LineNumber:")[0].TrimEnd('.');
            throw new KdException(StudyErrors.RecordUnreadable, $"'{path}': {detail}.", null, e);
        }
    }

    /// <summary>The beginning of study.json.</summary>
    internal JsonObject ToJson() =>
        new()
        {
            ["format"] = "1.0",
            ["name"] = Name,
            ["file"] = File,
            ["with"] = new JsonObject(With.Select(w => KeyValuePair.Create<string, JsonNode?>(w.Key, w.Value))),
            ["set"] = new JsonArray([.. Set.Select(s => JsonValue.Create(s))]),
            ["threads"] = Threads,
            ["maxStepsPerStage"] = MaxStepsPerStage,
            ["plugins"] = Plugins,
        };
}
