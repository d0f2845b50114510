using System.Runtime.InteropServices;
using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using TorchSharp;
using Xunit;

namespace KdPlugins.KrrSt.Tests;

/// <summary>Pre-training on the labels of picked images.</summary>
public sealed class LabelTests : KrrRunTests
{
    [Theory]
    [InlineData("random")]
    [InlineData("k-means")]
    public void Pre_training_on_labels_learns_the_classes_of_the_images_that_were_picked(string start)
    {
        var options = $$"""
            "start": "{{start}}", "images": 20, "distil": { "steps": 0 },
            "preTrain": { "objective": "labels", "epochs": 60, "learningRate": 0.03 }
            """;
        var recipe = Recipe(options, epochs: 0);
        var loss = Values(recipe, "pre-train", "loss");
        Assert.InRange(loss.TakeLast(8).Average(), 0, 0.6 * Math.Log(12)); // ln 12: nothing learned

        // What the checkpoint of a run that was resumed holds, against the data set itself.
        _runs.Pieces(recipe, "run", 50);
        var kept = Directory
            .GetFiles(_runs.Path("run"), "*.safetensors", SearchOption.AllDirectories)
            .Where(f => f.Contains("checkpoints"))
            .ToList();
        var images = Kept<float>(kept, "images").Select(v => (byte)Math.Round(255 * v)).Chunk(3 * 8 * 8);
        var labels = Kept<long>(kept, "labels");
        var real = Real();
        Assert.Equal(20, labels.Length);
        Assert.All(
            images.Zip(labels),
            pair => Assert.Equal(pair.Second, Assert.Single(real, r => r.Pixels.SequenceEqual(pair.First)).Label)
        );
        Assert.True(labels.Distinct().Count() > 3);
    }

    private static T[] Kept<T>(IEnumerable<string> files, string name)
        where T : unmanaged
    {
        foreach (var path in files.OrderDescending())
        {
            using var file = SafeTensorsFile.Open(path);
            var entry = file.Entries.Keys.FirstOrDefault(k => k.EndsWith($"{name}::value"));
            if (entry is not null)
                return MemoryMarshal.Cast<byte, T>(file.Bytes(entry)).ToArray();
        }
        throw new InvalidOperationException($"No checkpoint holds '{name}'.");
    }

    private static List<(byte[] Pixels, long Label)> Real()
    {
        using var scope = torch.NewDisposeScope();
        IPlugin plugin = new ShapesPlugin();
        plugin.Configure(
            new ShapesOptions
            {
                Size = [8],
                Train = 90,
                Test = 24,
            }
        );
        using var shapes = ((ShapesPlugin)plugin).Open("");
        var batch = shapes.Open("train").Read(Enumerable.Range(0, 90).Select(i => (long)i).ToArray());
        var pixels = batch.Input.contiguous().data<byte>().ToArray().Chunk(3 * 8 * 8);
        return [.. pixels.Zip(((ClassIndexTarget)batch.Target).Labels.data<long>().ToArray())];
    }

    [Fact]
    public void The_rate_of_pre_training_on_labels_falls_to_a_tenth_at_half()
    {
        var options = new PreTrainOptions { Objective = "labels" };
        double At(long step, long epochs) => options.Rate(new Progress("pre-train", step, 4 * epochs, 4));
        Assert.Equal([1, 1, 0.1, 0.1], new[] { At(0, 1000), At(1999, 1000), At(2000, 1000), At(3999, 1000) });
        // PyTorch's MultiStepLR with a milestone at 5 // 2.
        Assert.Equal([1, 1, 0.1, 0.1, 0.1], Enumerable.Range(0, 5).Select(e => At(4 * e + 3, 5)));
        Assert.Equal(1, new PreTrainOptions().Rate(new Progress("pre-train", 3999, 4000, 4)));
    }

    [Fact]
    public void Labels_are_learned_from_real_images_that_have_some()
    {
        const string labels = """ "preTrain": { "epochs": 2, "objective": "labels" } """;
        const string picked = labels + """, "images": 20, "distil": { "steps": 0 }""";
        Fails(CoreErrors.WrongCombination, "as they were picked", Recipe(labels));
        Fails(CoreErrors.WrongCombination, "as they were picked", Recipe(picked + ", \"start\": \"noise\""));
        // The set that is written has targets only.
        _runs.Whole(Recipe(picked, epochs: 0), "picked", 2);
        const string stored = """ "id": "distilled-set", "options": { "path": "picked/outputs/distilled" } """;
        var set = $$""" "distilled": { {{stored}} } """;
        Fails(CoreErrors.TargetKind, "on ClassIndex targets by labels", Recipe(labels, "krr-st-transfer", set));
        Fails(
            CoreErrors.TargetKind,
            "the source 'distilled' gives Soft",
            Recipe(picked + ", \"source\": \"distilled\"", sources: set)
        );

        // Any data with labels can be pre-trained on.
        var transfer = Recipe(labels, "krr-st-transfer", $$""" "distilled": { {{Shapes}} } """, epochs: 0);
        Assert.Equal(5 + 2 * 5, (long)_runs.Whole(transfer, "transfer")["steps"]!);
    }
}
