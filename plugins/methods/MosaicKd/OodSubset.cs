using KdPlugins.Core;
using KdPlugins.Sdk;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.MosaicKd;

/// <summary>
/// The samples of a source of whose classes a teacher is least certain. Stage <c>filter</c> asks it about all of them, in
/// order; what it found is part of the run's state.
/// </summary>
internal sealed class OodSubset : IDataSource
{
    private const string Column = "entropy";

    private readonly IDataSource _all;
    private readonly IPool _found;

    // Several threads read ahead.
    private readonly Lazy<long[]> _kept;

    public OodSubset(IPlanContext context, string source, long count)
    {
        (_all, Count) = (context.Samples(source), count);
        _found = context.State.Pool("ood-entropy", 0);
        _kept = new(Kept);
    }

    public long Count { get; }

    public Stage Filter(IPlanContext context, MosaicKdOptions options)
    {
        var (size, all) = (context.Training.BatchSize, _all.Count);
        return new("filter", StageLength.Steps((all + size - 1) / size), Ask);

        void Ask(IStepContext step)
        {
            var first = step.Progress.Step * size;
            long[] numbers = [.. Enumerable.Range(0, (int)Math.Min(size, all - first)).Select(i => first + i)];
            var view = step.EvaluationView(options.Student, step.Read(options.Source, numbers));
            var entropies = MosaicKdLosses.Entropies(step.Forward(options.Teacher, view, null).Logits);
            _found.Append(new Dictionary<string, Tensor> { [Column] = entropies });
            step.Report("ood.entropy", entropies.mean());
        }
    }

    /// <summary>The numbers of the largest values, largest first, of equal ones the lower number first.</summary>
    /// <param name="values">Any.</param>
    /// <param name="count">How many; with fewer values they come again.</param>
    internal static long[] Largest(IReadOnlyList<float> values, long count)
    {
        long[] order = [.. Enumerable.Range(0, values.Count).OrderByDescending(i => values[i]).Select(i => (long)i)];
        return [.. Enumerable.Range(0, (int)count).Select(i => order[i % order.Length])];
    }

    public Batch Read(ReadOnlyMemory<long> indices)
    {
        var wanted = new long[indices.Length];
        for (var i = 0; i < wanted.Length; i++)
            wanted[i] = _kept.Value[indices.Span[i]];
        var batch = _all.Read(wanted);
        return new(
            batch.Input,
            batch.Mask,
            new NoTarget(batch.Count),
            tensor(indices.ToArray(), ScalarType.Int64),
            null
        );
    }

    private long[] Kept()
    {
        using var scope = NewDisposeScope();
        var entropies = _found.Read(Column, arange(_found.Count, ScalarType.Int64));
        return Largest(entropies.cpu().to(ScalarType.Float32).data<float>().ToArray(), Count);
    }
}
