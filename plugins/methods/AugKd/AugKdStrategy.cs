using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace KdPlugins.AugKd;

/// <summary>
/// A teacher of another domain, whose data are not there, and a small labelled set of the student's domain. Stage
/// <c>data-free</c> learns a generator of the teacher's domain and an encoder back; stage <c>anchor</c> learns to move a
/// labelled image's latent vector to where the teacher is certain; stage <c>mixup</c> distils on images that go from these
/// anchors to the real ones, by the recipe's losses.
/// </summary>
[KdStrategy(
    Name,
    Description = "Out-of-domain distillation: generated anchors in the teacher's domain, mixed into the student's",
    Paper = Paper
)]
public sealed class AugKdStrategy : DistillationStrategy<AugKdOptions>
{
    internal const string Name = "aug-kd";
    internal const string Paper =
        "Tang et al.: AuG-KD: Anchor-Based Mixup Generation for Out-of-Domain Knowledge Distillation, ICLR 2024";

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Needs => [Options.Teacher, Options.Student];

    /// <inheritdoc/>
    public override string Result => Options.Student;

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0301</c>: the generator is missing; <c>KDP0303</c>: the data, or the networks' classes, do not fit;
    /// <c>KDP0304</c>: the targets are no classes; <c>KDP0306</c>: the generator has no latent vector, no loss needs the
    /// teacher, or the teacher has no batch norms to compare with.
    /// </exception>
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        Check(context.Data, context.Network(Options.Teacher), context.Network(Options.Student).Shape.Classes);
        var generator = Asker.RequireLatentGenerator(context, Options.Generator, "learns latent vectors");
        var parts = new AugKdParts(context, Options, generator);
        List<Stage> stages = [new DataFreeStage(context, Options, parts).Plan()];
        if (Options.Through >= LastStage.Anchor && Options.Anchors)
            stages.Add(new AnchorStage(context, Options, parts).Plan());
        if (Options.Through == LastStage.Mixup)
        {
            Asker.RequireTeacherLoss(context, "Add 'aug-kd-mix', or another loss that compares both networks.");
            stages.Add(new MixupStage(context, Options, parts).Plan());
        }
        return stages;
    }

    private void Check(DataInfo data, INetwork teacher, long learnt)
    {
        if (data.Target != TargetKind.ClassIndex)
            throw Asker.Refusal(CoreErrors.TargetKind, $"needs a class per sample, the data set gives {data.Target}.");
        if (data.Kind != InputKind.Image || data.InputShape.Count != 3 || data.InputShape.Skip(1).Any(n => n % 4 != 0))
            throw Asker.WrongShape(
                $"encodes images whose sides are multiples of 4; the data are {TensorText.Shape([.. data.InputShape])}."
            );
        if (teacher.Shape.Classes != data.Classes || learnt != data.Classes)
            throw Asker.WrongShape(
                $"got a teacher with {teacher.Shape.Classes} classes, a student with {learnt} and data with {data.Classes}: teacher and student share the data's classes."
            );
        if (Options.Norms > 0 && !NormStatistics.IsIn(teacher.Module))
            throw Asker.WrongCombination(
                "compares statistics of the teacher's batch norms, and the teacher has none.",
                "Set \"norms\" to 0 in the strategy's options."
            );
    }
}
