using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.GoodDaKd;

/// <summary>An augmentation, or several in a row, that is to be ranked.</summary>
/// <param name="Name">How it is called in the ranking.</param>
/// <param name="Chain">In the order of application; empty for none.</param>
internal sealed record RankingCandidate(string Name, IAugmentationChain Chain);

/// <summary>How to rank.</summary>
internal sealed record RankingSettings
{
    /// <summary>The role that teaches.</summary>
    internal string Teacher { get; init; } = Roles.Teacher;

    /// <summary>Training samples per candidate; more make narrower intervals.</summary>
    internal long Samples { get; init; } = 16_000;

    /// <summary>Training samples per group, rounded to whole batches.</summary>
    internal long GroupSamples { get; init; } = 320;

    /// <summary>Of the intervals, a share in (0, 1).</summary>
    internal double Confidence { get; init; } = 0.95;
}

/// <summary>What an augmentation does to a teacher's answers.</summary>
/// <param name="Name">The candidate's name.</param>
/// <param name="Deviation">See <see cref="GroupDeviation.Value"/>; lower is better.</param>
/// <param name="Interval">See <see cref="GroupDeviation.Interval"/>.</param>
/// <param name="Ratio">To the candidate that ranks just before, with its interval; NaN for the first.</param>
/// <param name="Entropy">The mean of the teacher's answers, in nats.</param>
/// <param name="Seconds">How long it took.</param>
internal sealed record RankedAugmentation(
    string Name,
    double Deviation,
    (double Low, double High) Interval,
    (double Value, double Low, double High) Ratio,
    double Entropy,
    double Seconds
);

/// <summary>Augmentations, the best one first.</summary>
/// <param name="Candidates">Ordered by deviation.</param>
/// <param name="Groups">Groups of samples per candidate.</param>
/// <param name="GroupRows">
/// Answers in a group: to samples without and with the candidate. The deviation depends on it, about as one over its root: compare
/// only what has the same.
/// </param>
/// <param name="Samples">Training samples that were drawn per candidate.</param>
/// <param name="GroupShare">
/// The share of the training samples that a group without the candidate holds. Samples are drawn without replacement, so that large
/// groups of a small set differ little whatever the candidate does: it ought to be small.
/// </param>
internal sealed record Ranking(
    IReadOnlyList<RankedAugmentation> Candidates,
    long Groups,
    long GroupRows,
    long Samples,
    double GroupShare
);

/// <summary>Measures candidates on a recipe's data with its teacher.</summary>
internal static class AugmentationRanking
{
    /// <summary>
    /// A candidate stands between the shared augmentations and the teacher's view; from its first augmentation that consults a network
    /// on, behind the view. All meet the same batches under the same random streams, so that they differ in nothing else.
    /// </summary>
    /// <exception cref="KdException"><c>KDP0306</c>: too few samples, no candidate, or one named twice; and what composing raises.</exception>
    internal static Ranking Run(
        IToolContext context,
        IReadOnlyList<RankingCandidate> candidates,
        RankingSettings settings
    )
    {
        CheckNames(candidates);
        using var run = context.Compose([settings.Teacher], [.. candidates.Select(c => c.Chain)]);
        var count = run.SourceCount("train");
        var batch = Math.Min(run.Training.BatchSize, count);
        var perGroup = (int)Math.Max(1, Math.Round((double)settings.GroupSamples / batch));
        var size = perGroup * batch;
        var groups = settings.Samples / size;
        if (groups < GroupDeviation.FewestGroups)
            throw new KdException(
                CoreErrors.WrongCombination,
                $"{settings.Samples} samples make {groups} groups of {size}; a ranking needs at least "
                    + $"{GroupDeviation.FewestGroups}, so {GroupDeviation.FewestGroups * size} samples."
            );
        var measured = candidates
            .Select(c => Measure(context, run, c, settings.Teacher, groups * perGroup, perGroup))
            .ToList()
            .OrderBy(m => GroupDeviation.Value(m.Groups))
            .ToList();
        return new(
            [.. measured.Select((m, i) => Row(m, i > 0 ? measured[i - 1].Groups : null, settings.Confidence))],
            groups,
            2 * size,
            groups * size,
            (double)size / count
        );
    }

    private static void CheckNames(IReadOnlyList<RankingCandidate> candidates)
    {
        if (candidates.Count == 0)
            throw new KdException(CoreErrors.WrongCombination, "A ranking needs at least one candidate.");
        if (candidates.GroupBy(c => c.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new KdException(
                CoreErrors.WrongCombination,
                $"The candidate '{twice.Key}' is named {twice.Count()} times."
            );
    }

    private sealed record Measured(string Name, double[][] Groups, double Entropy, double Seconds);

    private static Measured Measure(
        IToolContext context,
        IToolRun run,
        RankingCandidate candidate,
        string teacher,
        long steps,
        int perGroup
    )
    {
        var parts = Placed(run.View(teacher), run.Make(candidate.Chain));
        var began = context.Clock.GetTimestamp();
        List<StepAnswers> answers = [];
        run.Steps("ranking", steps, step => answers.Add(Ask(run, step, teacher, parts)));
        var seconds = context.Clock.GetElapsedTime(began).TotalSeconds;
        var found = new Measured(
            candidate.Name,
            StepAnswers.Groups(answers, perGroup),
            StepAnswers.MeanEntropy(answers),
            seconds
        );
        context.Tell(RankReport.Measured(found.Name, GroupDeviation.Value(found.Groups), seconds));
        return found;
    }

    // Whoever asks a network has to see what the network sees: its view comes before the first of them, else at the end.
    private static IReadOnlyList<IAugmentation>[] Placed(
        IReadOnlyList<IAugmentation> view,
        IReadOnlyList<IAugmentation> chain
    )
    {
        var before = chain.TakeWhile(a => a.Consults.Count == 0).ToList();
        return [before, view, [.. chain.Skip(before.Count)]];
    }

    private static StepAnswers Ask(
        IToolRun run,
        IStepContext step,
        string teacher,
        IReadOnlyList<IAugmentation>[] parts
    )
    {
        var batch = step.Next("train");
        var original = step.View(teacher, batch);
        var key = step.Random.Derive("candidate");
        // Each part has its own stream: what a candidate draws does not depend on the view's length.
        var changed = batch;
        for (var i = 0; i < parts.Length; i++)
            changed = run.Apply(parts[i], step, key.Derive(i), changed);
        return StepAnswers.Of(step.Consult(teacher, original, []).Logits, step.Consult(teacher, changed, []).Logits);
    }

    private static RankedAugmentation Row(Measured found, double[][]? before, double confidence) =>
        new(
            found.Name,
            GroupDeviation.Value(found.Groups),
            GroupDeviation.Interval(found.Groups, confidence),
            before is null
                ? (double.NaN, double.NaN, double.NaN)
                : GroupDeviation.Ratio(found.Groups, before, confidence),
            found.Entropy,
            found.Seconds
        );
}
