using System.Text.Json;
using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using static TorchSharp.torch;

namespace KdPlugins.GoodDaKd;

/// <summary>
/// Measures T. stddev, how much the mean of the teacher's probabilities varies from group to group of samples; trains
/// nothing. One stage, "measure". The value of all groups so far is reported as <c>t-stddev</c> beside the teacher's
/// mean entropy, <c>t-entropy</c>; the last one is written to <c>outputs/t-stddev/t-stddev.json</c> with its interval.
/// </summary>
[KdStrategy(
    "t-stddev",
    Description = "Measures the deviation of a teacher's mean probabilities under an augmentation; trains nothing",
    Paper = "Wang, Lohit, Jones, Fu: What Makes a \"Good\" Data Augmentation in Knowledge Distillation, NeurIPS 2022"
)]
public sealed class TeacherDeviationStrategy : DistillationStrategy<TeacherDeviationOptions>
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Needs => [Options.Teacher];

    /// <inheritdoc/>
    public override string Result => Options.Teacher;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0306</c>: all steps together are no group.</exception>
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var samples = context.SourceCount("train");
        var total = context.Training.Epochs * (samples / Math.Min(samples, context.Training.BatchSize));
        if (total < Options.StepsPerGroup)
            throw Asker.WrongCombination(
                $"takes {total} steps in all, too few for a group of {Options.StepsPerGroup}.",
                "Raise training.epochs, or lower strategy.options.stepsPerGroup."
            );
        // One row per step: the sums over its answers of p (per class) and of the entropy, and their number.
        var steps = context.State.Pool("steps", 0);
        var augmented = context.Roles.Contains(Options.Student);
        context.Export("t-stddev", folder => Write(Groups(steps), Entropy(steps), folder));
        return
        [
            new Stage(
                "measure",
                StageLength.Epochs(context.Training.Epochs),
                step =>
                {
                    var batch = step.Next("train");
                    var original = step.View(Options.Teacher, batch);
                    Add(step, steps, augmented ? [original, step.View(Options.Student, batch)] : [original]);
                    if (steps.Count % Options.StepsPerGroup != 0)
                        return;
                    if (steps.Count > Options.StepsPerGroup)
                        step.Report("t-stddev", tensor(GroupDeviation.Value(Groups(steps))));
                    step.Report("t-entropy", tensor(Entropy(steps)));
                }
            ),
        ];
    }

    private void Add(IStepContext step, IPool steps, Batch[] views)
    {
        // softmax at temperature 1 per row, then the rows of both streams together.
        var log = cat(
            [
                .. views.Select(v =>
                    KdMath.LogProbabilities(step.Consult(Options.Teacher, v, []).Logits.to(ScalarType.Float64), 1)
                ),
            ],
            0
        );
        steps.Append(
            new Dictionary<string, Tensor>
            {
                ["p"] = log.exp().sum(dim: 0).unsqueeze(0).cpu(),
                ["entropy"] = log.exp().mul(log).sum().neg().view(1).cpu(),
                ["rows"] = tensor(new[] { log.shape[0] }),
            }
        );
    }

    // p_g, the mean over a group's rows; steps that fill no group do not count.
    private List<double[]> Groups(IPool steps)
    {
        var (count, size) = (steps.Count / Options.StepsPerGroup, Options.StepsPerGroup);
        if (count == 0)
            return [];
        var rows = arange(count * size, ScalarType.Int64);
        var p = steps.Read("p", rows).view(count, size, -1).sum(1);
        var means = p.div(steps.Read("rows", rows).view(count, size).sum(1, keepdim: true));
        return [.. means.contiguous().data<double>().ToArray().Chunk((int)means.shape[1])];
    }

    private static double Entropy(IPool steps)
    {
        var rows = arange(steps.Count, ScalarType.Int64);
        return steps.Read("entropy", rows).sum().div(steps.Read("rows", rows).sum()).item<double>();
    }

    private void Write(List<double[]> groups, double entropy, string folder)
    {
        var interval = groups.Count >= GroupDeviation.FewestGroups;
        var (low, high) = interval ? GroupDeviation.Interval(groups, Options.Confidence) : (0, 0);
        // A trial of fewer steps has no group.
        var value = groups.Count == 0 ? double.NaN : GroupDeviation.Value(groups);
        var report = new Dictionary<string, double?>
        {
            ["tStddev"] = double.IsFinite(value) ? value : null,
            ["lower"] = interval ? low : null,
            ["upper"] = interval ? high : null,
            ["confidence"] = Options.Confidence,
            ["groups"] = groups.Count,
            ["stepsPerGroup"] = Options.StepsPerGroup,
            ["entropy"] = entropy,
        };
        AtomicFile.Write(
            Path.Combine(folder, "t-stddev.json"),
            stream => stream.Write(JsonSerializer.SerializeToUtf8Bytes(report, Indented))
        );
    }
}
