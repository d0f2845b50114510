using KdPlugins.Torch.Judging;
using KdPlugins.Torch.Native;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>
/// Whether libtorch computes layers rightly with the instructions that this process uses: output and gradients of each shape against
/// double precision, in a process of its own, and kept in <c>$XDG_CACHE_HOME/kdplugins/layers</c> (or <c>~/.cache</c>) per processor,
/// hypervisor, kernel, libtorch, instructions, number of threads and shape. A hang is not kept: it may be the machine's.
/// </summary>
/// <remarks>
/// Float32 may be off by 1e-4 of the largest value, bfloat16 by 0.05. Where this program cannot be started a second time (embedded in
/// another, one single file, startup hooks switched off) shapes are computed in this process.
/// </remarks>
public sealed class LayerJudge
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, LayerVerdict> _known = [];
    private readonly LayerWorker _worker;
    private readonly string? _folder;
    private readonly string _machine;
    private readonly Func<LayerShape, LayerVerdict> _here;

    internal LayerJudge(LayerWorker worker, string? folder, string machine, Func<LayerShape, LayerVerdict>? here = null)
    {
        (_worker, _folder, _machine) = (worker, folder, machine);
        _here = here ?? (shape => new(LayerComparison.Faults(shape)));
    }

    /// <summary>A judge for this process, as it is started. Loads libtorch.</summary>
    /// <exception cref="KdException"><c>KDP0001</c>: there is no usable libtorch.</exception>
    public static LayerJudge OfThisProgram()
    {
        var verdict = NativeRuntime.Start().Instructions;
        return new(
            new LayerWorker(() => Child.With(verdict.Limit, LayerChild.Variable, "1"), Patience),
            UserCache.Folder("layers"),
            $"{verdict.Processor}; instructions {verdict.Limit ?? "not limited"}"
        );
    }

    /// <summary>A judge that gives what a test says.</summary>
    public static LayerJudge Of(Func<LayerShape, LayerVerdict> verdict) =>
        new(new LayerWorker(() => null, Patience), null, "", verdict);

    /// <summary>How many shapes were computed, not found.</summary>
    public int Computed { get; private set; }

    /// <summary>What is found of a shape, with as many threads as libtorch has now.</summary>
    public LayerVerdict Find(LayerShape shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        var threads = get_num_threads();
        var key = $"{_machine}; {threads} threads; layer {shape.ToJson()}";
        lock (_gate)
        {
            if (!_known.TryGetValue(key, out var found))
                _known[key] = found = FindAnew(shape, threads, key);
            return found;
        }
    }

    /// <summary>Lets go of the process of its own; what is asked later starts another.</summary>
    public void Rest()
    {
        lock (_gate)
            _worker.Rest();
    }

    private LayerVerdict FindAnew(LayerShape shape, int threads, string key)
    {
        var cache = _folder is null ? null : new VerdictCache<LayerVerdict>(_folder, key);
        if (cache?.Read() is { Faults: not null } kept)
            return kept;
        Computed++;
        var found = _worker.Ask(shape, threads) ?? _here(shape);
        if (found.Ended != LayerWorker.Hangs)
            cache?.Write(found);
        return found;
    }
}
