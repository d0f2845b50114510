using KdPlugins.Core.Tests.Support;
using KdPlugins.Testing;
using Xunit;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>Images that are no squares, from the data set to the report.</summary>
public sealed class RectangleTests : IDisposable
{
    private readonly RecipeRun _runs = new(ShippedPlugins.Catalog());

    public void Dispose() => _runs.Dispose();

    [Theory]
    [InlineData("cifar-resnet", """{ "depth": 8 }""")]
    [InlineData("resnet", """{ "depth": 10, "width": 8 }""")]
    [InlineData("wrn", """{ "depth": 10, "width": 1 }""")]
    [InlineData("mobilenet-v2", """{ "width": 0.25 }""")]
    [InlineData("convnet", """{ "widths": [8, 8] }""")]
    public void A_network_trains_on_them(string id, string options)
    {
        var recipe = $$"""
            { "name": "rectangles", "device": "cpu",
              "dataset": { "id": "shapes", "options": { "size": [24, 40], "classes": 3, "train": 32, "test": 8 } },
              "models": { "student": { "id": "{{id}}", "options": {{options}} } },
              "augmentations": { "shared": [
                { "id": "random-resized-crop", "options": { "size": [20, 36] } },
                { "id": "random-crop", "options": { "padding": 2, "size": [16, 32] } },
                { "id": "horizontal-flip" }, { "id": "trivial-augment" }, { "id": "random-affine", "options": { "degrees": 20 } },
                { "id": "cutout", "options": { "size": 5 } }, { "id": "normalise" } ] },
              "losses": [ { "id": "cross-entropy" } ],
              "strategy": { "id": "supervised" },
              "training": { "epochs": 1, "batchSize": 8 } }
            """;
        var report = _runs.Whole(recipe, "run", maxStepsPerStage: 2);
        Assert.InRange((double)report["student"]!["test_accuracy"]!["last"]!, 0, 1);
        using var weights = Torch.Weights.SafeTensorsFile.Open(_runs.Path("run/student-last.safetensors"));
        Assert.Contains("\"shape\":[3,24,40]", weights.Metadata["kd.record"]);
        Assert.Contains("\"network_input\":[3,16,32]", weights.Metadata["kd.record"]);
    }
}
