using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.GoodDaKd;

/// <summary>Batches one behind the other.</summary>
internal static class Pool
{
    /// <summary>One batch of all of them; what augmentations drew is dropped.</summary>
    /// <exception cref="KdException"><c>KDP0304</c>: boxes and token sequences cannot be joined.</exception>
    public static Batch Join(IReadOnlyList<Batch> batches, Asker asker) =>
        new(
            cat([.. batches.Select(b => b.Input)], 0),
            Targets([.. batches.Select(b => b.Target)], asker),
            cat([.. batches.Select(b => b.Indices)], 0)
        );

    private static Target Targets(Target[] all, Asker asker) =>
        all[0] switch
        {
            ClassIndexTarget => new ClassIndexTarget(Joined<ClassIndexTarget>(all, t => t.Labels, asker)),
            SoftTarget => new SoftTarget(Joined<SoftTarget>(all, t => t.Values, asker)),
            ClassMapTarget map => new ClassMapTarget(
                Joined<ClassMapTarget>(all, t => t.Labels, asker),
                map.IgnoreIndex
            ),
            NoTarget => new NoTarget(all.Sum(t => t.Count)),
            var other => throw asker.Refusal(
                CoreErrors.TargetKind,
                $"joins batches with classes, soft values, class maps or no targets, got {other.Kind}."
            ),
        };

    private static Tensor Joined<T>(Target[] all, Func<T, Tensor> values, Asker asker)
        where T : Target => cat([.. all.Select(t => values(TargetReader.As<T>(t, $"{asker}")))], 0);
}
