using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Losses;

/// <summary>What losses that compare logits have in common.</summary>
internal static class Logits
{
    /// <summary>Half precision widened to float32, everything else as it is.</summary>
    public static Tensor Wide(Tensor values) =>
        values.dtype is ScalarType.BFloat16 or ScalarType.Float16 ? values.to(ScalarType.Float32) : values;

    /// <summary>Refuses networks of different class counts before the first step; other roles are left to the step.</summary>
    /// <exception cref="KdException"><c>KDP0303</c>: teacher and student have different numbers of classes.</exception>
    public static void RequireSameClasses(string id, LossBinding binding)
    {
        if (!binding.Roles.Contains(Roles.Teacher) || !binding.Roles.Contains(Roles.Student))
            return;
        var (teacher, student) = (binding.Shape(Roles.Teacher).Classes, binding.Shape(Roles.Student).Classes);
        if (teacher != student)
            throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Loss '{id}' got a teacher with {teacher} classes and a student with {student}: class counts must match."
            );
    }

    /// <summary>Student's and teacher's logits [B, C], in float32 at least; no gradient goes to the teacher.</summary>
    /// <exception cref="KdException">
    /// <c>KDP0303</c>: they are no rows of two classes at least, or differ in shape.
    /// </exception>
    public static (Tensor Student, Tensor Teacher) Rows(string id, ILossContext context)
    {
        var (student, teacher) = (context.Student.Logits, context.Teacher.Logits);
        if (student.dim() != 2 || !student.shape.AsSpan().SequenceEqual(teacher.shape))
            throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Loss '{id}' needs logits [batch, classes] of one shape: the student's are "
                    + $"{TensorText.Shape(student.shape)}, the teacher's {TensorText.Shape(teacher.shape)}."
            );
        LossChecks.RequireClasses(id, student);
        return (Wide(student), Wide(teacher).detach());
    }

    /// <summary>The mean over positions of a value per sample, pixel or token; hidden tokens do not count.</summary>
    /// <param name="id">The loss's id.</param>
    /// <param name="each">A value per position: the logits' shape without the classes.</param>
    /// <param name="context">Whose mask hides tokens.</param>
    /// <exception cref="KdException"><c>KDP0303</c>: the mask is of another shape than the tokens.</exception>
    public static Tensor Mean(string id, Tensor each, ILossContext context)
    {
        var mask = context.Student.Logits.dim() == 3 ? context.Batch.Mask : null;
        LossChecks.RequireMask(id, mask, each.shape);
        return mask is null ? each.mean() : each.masked_fill(mask.logical_not(), 0).sum().div(mask.sum().clamp_min(1));
    }
}
