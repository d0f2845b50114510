using KdPlugins.Testing;

namespace KdPlugins.Composition.Tests;

/// <summary>The end of a run in a process that was started for it alone.</summary>
public sealed class EndTests : IDisposable
{
    private readonly RecipeRun _runs = new(Parts.Catalog);

    public void Dispose() => _runs.Dispose();

    // The last stage asks a teacher by a frozen copy, which rounds otherwise.
    [Fact]
    public void An_end_that_is_made_again_finds_the_same_numbers_of_every_network()
    {
        const string recipe = """
            { "name": "end", "dataset": { "id": "shapes", "options": { "size": 8, "train": 80, "test": 64 } },
              "models": { "teacher": { "id": "cifar-resnet", "options": { "depth": 20 } },
                          "student": { "id": "cifar-resnet", "options": { "depth": 8 } } },
              "prepare": [ { "role": "teacher" } ], "losses": [ { "id": "kd" } ],
              "strategy": { "id": "offline" }, "training": { "epochs": 1, "batchSize": 16 } }
            """;
        string End(string role) => _runs.Whole(recipe, "run")[role]!.ToJsonString();
        var (teacher, student) = (End("teacher"), End("student"));
        Assert.Contains("loss", teacher);
        foreach (var (role, expected) in ((string, string)[])[("teacher", teacher), ("student", student)])
        {
            File.Delete(Path.Combine(_runs.Path("run"), "report.json"));
            Assert.Equal(expected, End(role));
        }
    }
}
