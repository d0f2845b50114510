using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace KdPlugins.Composition.Tests;

/// <summary>What a loss saw in one step, rows first.</summary>
/// <param name="Stage">The stage's name.</param>
/// <param name="Indices">The samples' numbers.</param>
/// <param name="Input">Each sample's pixels.</param>
/// <param name="Target">What the samples ought to be answered with: a value per class, or nothing.</param>
/// <param name="Taught">The teacher's logits.</param>
/// <param name="Drawn">What augmentations drew, by name.</param>
internal sealed record Seen(
    string Stage,
    long[] Indices,
    float[][] Input,
    float[][] Target,
    float[][] Taught,
    IReadOnlyDictionary<string, long[]> Drawn
);

/// <summary>Adds nothing to the objective, and keeps what a loss is handed.</summary>
[KdLoss("test-witness", Description = "For tests: keeps what a loss sees")]
public sealed class Witness : DistillationLoss<NoOptions>
{
    /// <summary>What was seen since the list was cleared; runs of this assembly follow one another.</summary>
    internal static List<Seen> All { get; } = [];

    /// <inheritdoc/>
    public override Tensor Compute(ILossContext context)
    {
        var batch = context.Batch;
        Tensor? target = batch.Target switch
        {
            SoftTarget soft => soft.Values,
            ClassIndexTarget classes => classes.Labels.unsqueeze(1),
            _ => null,
        };
        All.Add(
            new(
                context.Progress.Stage,
                batch.Indices.data<long>().ToArray(),
                Rows(batch.Input),
                target is null ? [] : Rows(target),
                Rows(context.Teacher.Logits),
                batch
                    .Parameters.Where(p => p.Value.dtype == ScalarType.Int64)
                    .ToDictionary(p => p.Key, p => p.Value.data<long>().ToArray())
            )
        );
        return context.Student.Logits.sum() * 0;
    }

    private static float[][] Rows(Tensor values)
    {
        var flat = values.detach().to(ScalarType.Float32).flatten(1).contiguous();
        return [.. Enumerable.Range(0, (int)flat.shape[0]).Select(n => flat[n].data<float>().ToArray())];
    }
}
