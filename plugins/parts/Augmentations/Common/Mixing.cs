using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>Targets of samples that are mixed of two.</summary>
internal static class Mixing
{
    /// <summary>Refuses data sets whose targets cannot be mixed.</summary>
    /// <exception cref="KdException"><c>KDP0306</c>.</exception>
    public static void Require(DataInfo data, string asker, params TargetKind[] kinds)
    {
        if (!kinds.Contains(data.Target))
            throw new KdException(
                CoreErrors.WrongCombination,
                $"Augmentation '{asker}' mixes targets of the kinds {string.Join(", ", kinds)}; the data set gives "
                    + $"{data.Target}."
            );
        if (data.Target == TargetKind.ClassIndex && data.Classes < 1)
            throw new KdException(
                CoreErrors.WrongCombination,
                $"Augmentation '{asker}' turns labels into shares of classes; the data set does not say how many it has."
            );
    }

    /// <summary>Who is mixed with whom: a permutation, int64 [count] on the CPU, recorded as "partners".</summary>
    public static Tensor Partners(IPartContext context, string asker, long count) =>
        tensor(
            GivenDraws.Integers(
                context,
                $"{asker}.partners",
                [count],
                [(0, count - 1)],
                () => Draws.Permutation(context.Random.Derive("partners"), count).data<long>().ToArray()
            )
        );

    /// <summary>The share of every sample's own target plus the rest of its partner's: float [B, C].</summary>
    /// <param name="target">Classes or soft values.</param>
    /// <param name="partners">int64 [B], on the target's device.</param>
    /// <param name="share">Of the sample itself, in [0, 1].</param>
    /// <param name="classes">The number of classes.</param>
    /// <param name="asker">For messages.</param>
    /// <param name="dtype">The images' own: shares of classes are given in it, in float32 at least.</param>
    public static SoftTarget Mix(
        Target target,
        Tensor partners,
        double share,
        long classes,
        string asker,
        ScalarType dtype
    )
    {
        var values = target is ClassIndexTarget index
            ? nn.functional.one_hot(index.Labels, classes).to(dtype == ScalarType.Float64 ? dtype : ScalarType.Float32)
            : TargetReader.As<SoftTarget>(target, $"Augmentation '{asker}'").Values;
        return new SoftTarget(LabelMath.Blend(values, partners, share));
    }
}
