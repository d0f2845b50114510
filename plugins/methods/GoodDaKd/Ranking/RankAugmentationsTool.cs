using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace KdPlugins.GoodDaKd;

/// <summary>
/// Ranks augmentations for a teacher and its data without training anything: the less the mean answer of the teacher varies from
/// group to group of samples, the better a student learns from it.
/// </summary>
[KdTool(
    "rank-augmentations",
    Description = "Ranks augmentations for a teacher and its data, best first, without training a student.",
    Paper = "Wang, Lohit, Jones, Fu: What Makes a \"Good\" Data Augmentation in Knowledge Distillation, NeurIPS 2022"
)]
public sealed class RankAugmentationsTool : Tool<RankOptions>
{
    /// <inheritdoc/>
    public override IReadOnlyList<string> Settings =>
        Options.Teacher is { } file
            ? [$"models.{Options.Role}.weights={JsonValue.Create(Path.GetFullPath(file)).ToJsonString()}"]
            : [];

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0380</c>: candidates or outcomes cannot be understood; <c>KDP0381</c>: a run has no test loss; KDP02xx to KDP05xx for what
    /// does not fit: an unknown plugin, a network without weights, a candidate that the data cannot serve, too few samples.
    /// </exception>
    public override ToolOutput Run(IToolContext context)
    {
        var texts = CandidateText.Parse(Options.Candidates);
        var outcomes = Outcome.Read(Options.Outcome, texts, context);
        var candidates = texts.Select(t => Bind(context, t)).ToList();
        var settings = new RankingSettings { Teacher = Options.Role, Samples = Options.Samples };
        return RankReport.Of(AugmentationRanking.Run(context, candidates, settings), outcomes);
    }

    // Bound as the recipe's own list would be, so that candidates are checked as strictly as recipes.
    private RankingCandidate Bind(IToolContext context, CandidateText text)
    {
        try
        {
            return new(text.Name, context.Augmentations(Options.Role, text.Chain));
        }
        catch (RecipeException e)
        {
            throw new KdException(
                e.Failures[0].Code,
                $"Candidate '{text.Name}': {e.Failures[0].Sentence}",
                "'kd plugins list' shows what there is, 'kd describe ID' its options.",
                e
            );
        }
    }
}
