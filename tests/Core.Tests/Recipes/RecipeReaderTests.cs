using KdPlugins.Core.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace KdPlugins.Core.Tests.Recipes;

public sealed class Smoke(ITestOutputHelper output)
{
    [Fact]
    public void Reads()
    {
        var text = """
            {
              // a comment
              "name": "quickstart", "seed": 3, "baseline": true,
              "dataset": { "id": "shapes", "options": { "samples": 3.0 } },
              "models": { "teacher": { "id": "cifar-resnet" }, "student": {"id":"cifar-resnet", "options": {"depth": 8, "activation":"leaky-relu"}}, "other": {"like":"student"} },
              "augmentations": { "student": [ {"id":"random-crop"} ] },
              "losses": [ { "id": "cross-entropy", "weight": 0.1 }, { "id": "kd", "weight": 0.9 } ],
              "strategy": { "id": "offline" },
              "prepare": [ {"role":"teacher", "once": true, "training": {"epochs": 3, "optimiser": {"learningRate": 0.1}}} ],
            }
            """;
        var r = RecipeReader.ReadText(text, "/", RecipeOverrides.None, SamplePlugins.Catalog());
        output.WriteLine(r.ToResolvedJson());
        var again = RecipeReader.ReadText(r.ToResolvedJson(), "/", RecipeOverrides.None, SamplePlugins.Catalog());
        Assert.Equal(r, again);
        Assert.Equal(r.GetHashCode(), again.GetHashCode());
        try
        {
            RecipeReader.ReadText(
                text.Replace("\"kd\"", "\"ks\"")
                    .Replace(
                        "\"seed\": 3",
                        "\"seeed\": 3, \"device\": \"gpu\", \"precision\":\"bf32\", \"training\": {\"epochs\": -1}"
                    ),
                "/",
                new RecipeOverrides(
                    [
                        "losses[0].weight=x",
                        "losses[0].options.smoothing=1",
                        "models.student.options.width=9",
                        "prepare[0].role=teecher",
                    ],
                    new Dictionary<string, string>()
                ),
                SamplePlugins.Catalog()
            );
        }
        catch (RecipeException e)
        {
            output.WriteLine(e.Message);
        }
    }
}
