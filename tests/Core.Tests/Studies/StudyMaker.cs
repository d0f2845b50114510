using System.Text.Json.Nodes;

namespace KdPlugins.Core.Tests.Studies;

/// <summary>A small study as text, with changes, in a folder of its own.</summary>
internal sealed class StudyMaker : IDisposable
{
    private const string Text = """
        {
          "name": "small",
          "seeds": [ 1, 2, 3 ],
          "recipe": {
            "dataset": { "id": "shapes", "options": { "train": 96, "test": 32, "classes": 3, "size": 8 } },
            "models": {
              "teacher": { "id": "cifar-resnet", "options": { "depth": 8 } },
              "student": { "id": "cifar-resnet", "options": { "depth": 8 } }
            },
            "losses": [ { "id": "cross-entropy" }, { "id": "kd" } ],
            "strategy": { "id": "offline" },
            "training": { "epochs": 2, "batchSize": 16 }
          },
          "prepare": {
            "teacher": {
              "set": {
                "models.student": null,
                "losses": [ { "id": "cross-entropy" } ],
                "strategy": { "id": "supervised", "options": { "role": "teacher" } }
              }
            }
          },
          "arms": {
            "kd": { "set": { "models.teacher.weights": "${teacher}/teacher-last.safetensors" } },
            "alone": {
              "set": { "models.teacher": null, "losses[1]": null, "strategy": { "id": "supervised" } }
            }
          },
          "claims": [ { "above": "kd", "below": "alone" } ]
        }
        """;

    internal StudyMaker() => Root = Directory.CreateTempSubdirectory("kd-study-").FullName;

    internal string Root { get; }

    /// <summary>Writes the study, changed, and gives its path.</summary>
    internal string Write(Action<JsonObject>? change = null)
    {
        var tree = JsonNode.Parse(Text)!.AsObject();
        change?.Invoke(tree);
        var path = Path.Combine(Root, "study.json");
        File.WriteAllText(path, tree.ToJsonString());
        return path;
    }

    internal Study Read(Action<JsonObject>? change = null) => StudyReader.ReadFile(Write(change), Root);

    internal IReadOnlyList<PlannedRun> Plan(Study study, IPluginCatalog catalog, params string[] with) =>
        StudyPlan.Make(
            study,
            new() { With = with.Select(w => w.Split('=')).ToDictionary(w => w[0], w => w[1]), WithFolder = Root },
            Path.Combine(Root, "out"),
            catalog,
            (text, folder) => new(Path.GetFullPath(text, folder), folder)
        );

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
