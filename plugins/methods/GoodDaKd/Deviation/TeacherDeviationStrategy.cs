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
        // One row per step.
        var steps = context.State.Pool("steps", 0);
        var augmented = context.Roles.Contains(Options.Student);
        context.Export("t-stddev", folder => Write(Read(steps), folder));
        return
        [
            new Stage(
                "measure",
                StageLength.Epochs(context.Training.Epochs),
                step =>
                {
                    var batch = step.Next("train");
                    var original = step.View(Options.Teacher, batch);
                    Batch[] views = augmented ? [original, step.View(Options.Student, batch)] : [original];
                    Append(steps, StepAnswers.Of([.. views.Select(v => step.Consult(Options.Teacher, v, []).Logits)]));
                    if (steps.Count % Options.StepsPerGroup != 0)
                        return;
                    var all = Read(steps);
                    if (steps.Count > Options.StepsPerGroup)
                        step.Report("t-stddev", tensor(GroupDeviation.Value(Groups(all))));
                    step.Report("t-entropy", tensor(StepAnswers.MeanEntropy(all)));
                }
            ),
        ];
    }

    private double[][] Groups(StepAnswers[] steps) => StepAnswers.Groups(steps, Options.StepsPerGroup);

    private static void Append(IPool steps, StepAnswers answers) =>
        steps.Append(
            new Dictionary<string, Tensor>
            {
                ["p"] = tensor(answers.P).unsqueeze(0),
                ["entropy"] = tensor(new[] { answers.Entropy }),
                ["rows"] = tensor(new[] { answers.Rows }),
            }
        );

    private static StepAnswers[] Read(IPool steps)
    {
        using var scope = NewDisposeScope();
        var all = arange(steps.Count, ScalarType.Int64);
        T[] Column<T>(string name)
            where T : unmanaged => steps.Read(name, all).contiguous().data<T>().ToArray();
        var (p, entropy, rows) = (Column<double>("p"), Column<double>("entropy"), Column<long>("rows"));
        return [.. p.Chunk(p.Length / rows.Length).Select((sums, i) => new StepAnswers(sums, entropy[i], rows[i]))];
    }

    private void Write(StepAnswers[] steps, string folder)
    {
        var groups = Groups(steps);
        var interval = groups.Length >= GroupDeviation.FewestGroups;
        var (low, high) = interval ? GroupDeviation.Interval(groups, Options.Confidence) : (0, 0);
        // A trial of fewer steps has no group.
        var value = groups.Length == 0 ? double.NaN : GroupDeviation.Value(groups);
        var report = new Dictionary<string, double?>
        {
            ["tStddev"] = double.IsFinite(value) ? value : null,
            ["lower"] = interval ? low : null,
            ["upper"] = interval ? high : null,
            ["confidence"] = Options.Confidence,
            ["groups"] = groups.Length,
            ["stepsPerGroup"] = Options.StepsPerGroup,
            ["entropy"] = StepAnswers.MeanEntropy(steps),
        };
        AtomicFile.Write(
            Path.Combine(folder, "t-stddev.json"),
            stream => stream.Write(JsonSerializer.SerializeToUtf8Bytes(report, Indented))
        );
    }
}
