using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace KdPlugins.MosaicKd;

/// <summary>
/// Distillation without the teacher's data, from unlabelled images of other classes. One stage, <c>mosaic</c>, of four players: a
/// discriminator learns to tell patches of the images from patches of generated ones, a generator to assemble images whose
/// patches pass for real and of which the teacher is certain and the student is wrong, and the student, by the recipe's losses,
/// to follow the teacher on both kinds of images. Before it stage <c>filter</c>, where only part of the images is kept.
/// </summary>
[KdStrategy(
    "mosaic-kd",
    Description = "Distils on images that a generator mosaics from patches of unlabelled out-of-domain images",
    Paper = "Fang et al.: Mosaicking to Distill: Knowledge Distillation from Out-of-Domain Data, NeurIPS 2021, arXiv 2110.15094"
)]
public sealed class MosaicKdStrategy : DistillationStrategy<MosaicKdOptions>
{
    /// <summary>The source of those out-of-domain images that are kept, which a run with <c>keep</c> adds.</summary>
    public const string KeptSource = "ood-kept";

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Needs => [Options.Teacher, Options.Student];

    /// <inheritdoc/>
    public override string Result => Options.Student;

    private bool HasDiscriminator => Options.Local > 0;

    private bool UsesImages => HasDiscriminator || Options.OutOfDomainBatch;

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0301</c>: the generator is missing; <c>KDP0303</c>: images do not fit; <c>KDP0304</c>: the data are no images
    /// with a class each; <c>KDP0305</c>: the out-of-domain images are missing; <c>KDP0306</c>: the generator has no latent
    /// vector, or no loss needs the teacher.
    /// </exception>
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        Asker.RequireTeacherLoss(context);
        Check(context);
        var generator = Asker.RequireLatentGenerator(
            context,
            Options.Generator,
            "draws latent vectors",
            "mosaic-generator"
        );
        List<Stage> stages = [];
        var source = Options.Source;
        if (Options.Keep > 0 && Options.Keep < context.SourceCount(source))
        {
            var subset = new OodSubset(context, source, Options.Keep);
            stages.Add(subset.Filter(context, Options));
            context.AddSource(source = KeptSource, subset);
        }
        if (HasDiscriminator)
            AddDiscriminator(context);
        stages.Add(new MosaicStage(context, Options, generator, source).Plan());
        return stages;
    }

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0306</c>: nothing drives the generator, or images are to be kept and none are used.</exception>
    protected override void OnConfigured()
    {
        if (Options.Adversarial + Options.Align + Options.Local + Options.Balance == 0)
            throw Asker.WrongCombination(
                "trains its generator by nothing.",
                "Raise one of \"adversarial\", \"align\", \"local\" and \"balance\"."
            );
        if (Options.Keep > 0 && !UsesImages)
            throw Asker.WrongCombination(
                "keeps out-of-domain images, and uses none.",
                "Raise \"local\" or leave \"keep\" out."
            );
    }

    private void Check(IPlanContext context)
    {
        var data = context.Data;
        if (data.Kind != InputKind.Image || data.Target != TargetKind.ClassIndex)
            throw Asker.Refusal(
                CoreErrors.TargetKind,
                $"makes images of one class each; the data set gives {data.Kind} with {data.Target} targets."
            );
        // Where none are used and an epoch is not counted by them, there need not be any.
        var isAsked = UsesImages || Options.StepsPerEpoch == 0;
        var ood = isAsked ? context.SourceData(Options.Source) : data;
        if (!ood.InputShape.SequenceEqual(data.InputShape))
            throw Asker.WrongShape(
                $"got images {TensorText.Shape([.. ood.InputShape])} of the source '{Options.Source}', and the data set's are {TensorText.Shape([.. data.InputShape])}.",
                "Give both the same \"size\"."
            );
    }

    private void AddDiscriminator(IPlanContext context)
    {
        var (image, steps) = (context.Data.InputShape, Options.DiscriminatorSteps);
        if (image.Skip(1).Any(side => side < 1 << steps))
            throw Asker.WrongShape(
                $"halves the sides of images {steps} times; the data are {TensorText.Shape([.. image])}.",
                "Lower \"discriminatorSteps\", or take larger images."
            );
        var published = steps == 2 ? 128 : 64;
        var width = Options.DiscriminatorWidth > 0 ? Options.DiscriminatorWidth : published;
        using var _ = RandomScope.Use(context.Random.Derive(MosaicStage.Critic).Value);
        context.AddRole(MosaicStage.Critic, new PatchDiscriminator(image, width, steps, Options.OutputStride));
    }
}
