using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Augmentations;

/// <summary>Who is mixed, and with whom.</summary>
internal static class Pairing
{
    /// <summary>Refuses data sets whose targets cannot be mixed.</summary>
    /// <exception cref="KdException"><c>KDP0306</c>.</exception>
    public static void Require(DataInfo data, Asker asker, params TargetKind[] kinds)
    {
        if (!kinds.Contains(data.Target))
            throw asker.WrongCombination(
                $"mixes targets of the kinds {string.Join(", ", kinds)}; the data set gives {data.Target}."
            );
        asker.RequireClassCount(data);
    }

    /// <summary>Who is mixed with whom: a permutation, int64 [count] on the CPU, recorded as "partners".</summary>
    public static Tensor Partners(IPartContext context, Asker asker, long count) =>
        tensor(
            GivenDraws.Integers(
                context,
                $"{asker.Id}.partners",
                [count],
                [(0, count - 1)],
                () => Draws.Permutation(context.Random.Derive("partners"), count).data<long>().ToArray()
            )
        );
}
