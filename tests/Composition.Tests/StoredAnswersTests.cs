using System.Buffers.Binary;
using System.Security.Cryptography;
using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Composition.Tests;

/// <summary>A teacher with folded norms, real augmentations and losses on taps: stored answers change no bit.</summary>
public sealed class StoredAnswersTests : IDisposable
{
    private readonly RecipeRun _runs = new(Parts.Catalog);

    public void Dispose() => _runs.Dispose();

    // Three epochs of two views: the third one meets the first one's answers, given to other batches.
    private static string Recipe(string cache, string precision) =>
        $$"""
            { "name": "stored", "precision": "{{precision}}", "strategy": { "id": "offline" },
              "dataset": { "id": "shapes", "options": { "size": 8, "classes": 4, "train": 48, "test": 8 } },
              "validation": { "split": "test" },
              "models": { "teacher": { "id": "cifar-resnet", "options": { "depth": 8 } }, "student": { "like": "teacher" } },
              "augmentations": { "shared": [ { "id": "random-crop" }, { "id": "horizontal-flip" } ],
                                 "teacher": [ { "id": "normalise" } ],
                                 "student": [ { "id": "mixup" }, { "id": "normalise" } ] },
              "teacherCache": { "views": 2, {{cache}} },
              "losses": [ { "id": "kd" }, { "id": "at" }, { "id": "cross-entropy" } ],
              "training": { "epochs": 3, "batchSize": 16 }, "evaluation": { "everyEpochs": 0 } }
            """;

    [SkippableTheory]
    [InlineData("float32")]
    [InlineData("bf16")]
    public void The_student_is_the_same_bit_for_bit_with_and_without_them(string precision)
    {
        Skip.IfNot(
            AnswersBySample(precision == "bf16" && Autocast.IsNativeOnCpu ? ScalarType.BFloat16 : ScalarType.Float32),
            "On this processor a network's answer to a sample depends on what stands beside it."
        );
        var live = Student(Recipe("\"store\": false", precision), "live");
        Assert.Equal(live, Student(Recipe("\"folder\": \"answers\"", precision), "cold"));
        Assert.Equal(live, Student(Recipe("\"folder\": \"answers\"", precision), "warm"));
    }

    // Whether a sample's answer has the same bits wherever it stands in a batch, and whatever stands beside it.
    private static bool AnswersBySample(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        using var plain = no_grad();
        using var made = RecipePlugins.Create(
            Parts.Catalog,
            PluginKind.Model,
            new PluginChoice("cifar-resnet", "{ \"depth\": 8 }")
        );
        var network = ((IModelPlugin)made.Plugin).Create(new ModelRequest([3, 8, 8], 4, null!));
        network.Module.eval();
        var frozen = ((IFreezableNetwork)network).Freeze(dtype);
        using var half = dtype == ScalarType.BFloat16 ? Autocast.BFloat16(CPU) : null;
        var images = rand(64, 3, 8, 8).ToChannelsLast();
        var rows = randperm(64);
        Tensor Of(Tensor batch) => frozen.Forward(batch.ToChannelsLast(), null!, []).Logits;
        var first = cat([Of(images[..16]), Of(images[16..32]), Of(images[32..48]), Of(images[48..])]);
        var shuffled = images.index_select(0, rows);
        var second = cat([Of(shuffled[..16]), Of(shuffled[16..32]), Of(shuffled[32..48]), Of(shuffled[48..])]);
        return first.index_select(0, rows).equal(second).all().item<bool>();
    }

    private string Student(string recipe, string run)
    {
        _runs.Whole(recipe, run);
        var bytes = File.ReadAllBytes(Path.Combine(_runs.Path(run), "student-last.safetensors"));
        // The tensors alone: the header holds the recipe's identity.
        return Convert.ToHexString(SHA256.HashData(bytes.AsSpan(8 + BinaryPrimitives.ReadInt32LittleEndian(bytes))));
    }
}
