using System.Text.Json.Nodes;
using KdPlugins.Torch;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Runs;

/// <summary>Small runs and checkpoints whose content says which step they are of.</summary>
internal static class Samples
{
    public const string Recipe = """{ "name": "sample" }""";

    private static readonly Dictionary<string, string> None = [];

    public static RunIdentity Identity { get; } =
        new(
            "recipe-hash",
            new Dictionary<string, string> { ["loss/dkd"] = "plugin-hash" },
            new Dictionary<string, string> { ["teacher"] = "teacher-hash" },
            new Dictionary<string, string> { ["train"] = "data-hash" },
            "0.1.0",
            "2.10.0 cpu"
        );

    public static RunIdentity Empty { get; } = new("", None, None, None, "", "");

    /// <summary>Tensors that belong to the current dispose scope, all made of the step.</summary>
    public static CheckpointContent Content(long step, string stage = "distil")
    {
        var content = new CheckpointContent(new RunPosition(stage, 0, step, step, "steps"));
        content.Sections["student"] = new Dictionary<string, Tensor>
        {
            ["weight"] = tensor(new[] { step, step + 0.5f, -0f }),
            ["steps"] = tensor(step),
        };
        content.Sections["optimiser/student"] = new Dictionary<string, Tensor>
        {
            ["momentum"] = full([2, 2], step, dtype: ScalarType.BFloat16),
        };
        content.Counters["batches"] = step * 3;
        content.Facts["best"] = 1.0 / 3 * step;
        return content;
    }

    /// <summary>Saves such a checkpoint.</summary>
    public static CheckpointInfo Save(RunFolder run, long step, int keep = 2, Action<CheckpointContent>? change = null)
    {
        using DisposeScope scope = NewDisposeScope();
        CheckpointContent content = Content(step);
        change?.Invoke(content);
        return Checkpoint.Save(run, content, Identity, new KeepPolicy(keep));
    }

    /// <summary>Checks that a checkpoint is the whole one of a step.</summary>
    public static void AssertIsOf(long step, LoadedCheckpoint checkpoint)
    {
        using DisposeScope scope = NewDisposeScope();
        Assert.Equal(step, checkpoint.Position.Step);
        Assert.Equal(step, checkpoint.Position.StageStep);
        Assert.Equal(["optimiser/student", "student"], checkpoint.Sections.Order());
        Assert.Equal(
            [step, step + 0.5f, -0f],
            KdPlugins
                .Torch.Weights.WeightTensors.ToTensor(checkpoint.Section("student"), "weight")
                .data<float>()
                .ToArray()
        );
        Assert.Equal(step * 3, checkpoint.Counter("batches"));
        Assert.Equal(1.0 / 3 * step, checkpoint.Facts["best"]!.GetValue<double>());
    }

    /// <summary>Loads the newest under the same identity.</summary>
    public static LoadedCheckpoint Load(RunFolder run, bool strict = false) =>
        Checkpoint.LoadNewest(run, Identity, new ResumeOptions { Strict = strict });

    /// <summary>The failure of a call, whose code is checked.</summary>
    public static KdException Fails(ErrorCode code, Action call)
    {
        KdException failure = Assert.Throws<KdException>(call);
        Assert.Equal(code.Id, failure.Code.Id);
        return failure;
    }

    /// <summary>Paths below a folder, relative to it.</summary>
    public static string[] Tree(string root) =>
        [
            .. Directory
                .GetFileSystemEntries(root, "*", SearchOption.AllDirectories)
                .Select(path => Path.GetRelativePath(root, path))
                .Order(StringComparer.Ordinal),
        ];
}
