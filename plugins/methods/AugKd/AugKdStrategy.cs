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
        CheckData(context);
        CheckNetworks(context);
        var parts = new AugKdParts(context, Options);
        List<Stage> stages = [new DataFreeStage(context, Options, parts).Plan()];
        if (Options.Through >= LastStage.Anchor && Options.Anchors)
            stages.Add(new AnchorStage(context, Options, parts).Plan());
        if (Options.Through == LastStage.Mixup)
        {
            CheckLosses(context);
            stages.Add(new MixupStage(context, Options, parts).Plan());
        }
        return stages;
    }

    private static void CheckData(IPlanContext context)
    {
        var (data, shape) = (context.Data, context.Data.InputShape);
        if (data.Target != TargetKind.ClassIndex)
            throw new KdException(
                CoreErrors.TargetKind,
                $"Strategy '{Name}' needs a class per sample, the data set gives {data.Target}."
            );
        if (data.Kind != InputKind.Image || shape.Count != 3 || shape[1] % 4 != 0 || shape[2] % 4 != 0)
            throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Strategy '{Name}' encodes images whose sides are multiples of 4; the data are "
                    + $"{TensorText.Shape([.. shape])}."
            );
    }

    private void CheckNetworks(IPlanContext context)
    {
        var (teacher, student) = (context.Network(Options.Teacher).Shape, context.Network(Options.Student).Shape);
        if (teacher.Classes != context.Data.Classes || student.Classes != context.Data.Classes)
            throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Strategy '{Name}' got a teacher with {teacher.Classes} classes, a student with {student.Classes} and "
                    + $"data with {context.Data.Classes}: teacher and student share the data's classes."
            );
        if (Options.Norms > 0 && !NormStatistics.IsIn(context.Network(Options.Teacher).Module))
            throw new KdException(
                CoreErrors.WrongCombination,
                $"Strategy '{Name}' compares statistics of the teacher's batch norms, and the teacher has none.",
                "Set \"norms\" to 0 in the strategy's options."
            );
    }

    private static void CheckLosses(IPlanContext context)
    {
        if (context.TeacherLosses.Count == 0)
            throw new KdException(
                CoreErrors.WrongCombination,
                $"The last stage of strategy '{Name}' distils, and no loss of the recipe needs the teacher.",
                "Add the loss 'aug-kd-mix', or another that compares teacher and student."
            );
    }
}
