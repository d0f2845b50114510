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

    /// <summary>Student's and teacher's logits [B, C], in float32 at least; no gradient goes to the teacher.</summary>
    /// <exception cref="KdException">
    /// <c>KDP0303</c>: they are no rows of two classes at least, or differ in shape.
    /// </exception>
    public static (Tensor Student, Tensor Teacher) Rows(Asker asker, ILossContext context)
    {
        var (student, teacher) = asker.RequireLogits(context, rows: true);
        return (Wide(student), Wide(teacher));
    }

    /// <summary>The mean over positions of a value per sample, pixel or token; hidden tokens do not count.</summary>
    /// <param name="asker">The loss.</param>
    /// <param name="each">A value per position: the logits' shape without the classes.</param>
    /// <param name="context">Whose mask hides tokens.</param>
    /// <exception cref="KdException"><c>KDP0303</c>: the mask is of another shape than the tokens.</exception>
    public static Tensor Mean(Asker asker, Tensor each, ILossContext context)
    {
        var mask = context.Student.Logits.dim() == 3 ? context.Batch.Mask : null;
        asker.RequireMask(mask, each.shape);
        return mask is null ? each.mean() : each.masked_fill(mask.logical_not(), 0).sum().div(mask.sum().clamp_min(1));
    }
}
