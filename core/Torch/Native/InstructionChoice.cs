namespace KdPlugins.Torch.Native;

/// <summary>
/// Chooses which vector instructions oneDNN, libtorch's library of CPU kernels, may use: by evidence, since kernels have been seen
/// wrong on one processor and right on another of the same family, those of AVX-512 and those of AVX2.
/// </summary>
internal sealed class InstructionChoice(Trials trials, Func<string?> asked, string? cacheFolder, Action<string> tell)
{
    /// <summary>What the user sets to decide alone; <c>DEFAULT</c> takes everything the processor has.</summary>
    internal const string Variable = "ONEDNN_MAX_CPU_ISA";

    private const string OlderName = "DNNL_MAX_CPU_ISA";

    internal static InstructionChoice OfThisProgram { get; } =
        new(
            Trials.OfThisProgram,
            () => Environment.GetEnvironmentVariable(Variable) ?? Environment.GetEnvironmentVariable(OlderName),
            UserCache.Folder("instructions"),
            Console.Error.WriteLine
        );

    /// <summary>The verdict for a libtorch: the user's, the one that was found before, or that of trials made now.</summary>
    /// <param name="libTorchCpu">The libtorch_cpu.so that is to be loaded.</param>
    internal InstructionVerdict Make(string libTorchCpu)
    {
        var machine = Machine.Describe(libTorchCpu);
        if (asked() is { } limit)
            return new(limit, $"{Variable} decides", [], machine, null);

        var cache = CacheOf(machine);
        if (cache?.Read() is { Count: > 0 } known)
            return Of(known, "found before by trials", machine, cache.Path);
        using var turn = cache?.Turn();
        if (cache?.Read() is { Count: > 0 } meanwhile)
            return Of(meanwhile, "found before by trials", machine, cache.Path);
        return Find(machine, cache, all: false);
    }

    /// <summary>Tries everything anew, whatever was found before, and keeps it.</summary>
    internal InstructionVerdict Again(string libTorchCpu)
    {
        var machine = Machine.Describe(libTorchCpu);
        return Find(machine, CacheOf(machine), all: true);
    }

    private VerdictCache<IReadOnlyList<InstructionTrial>>? CacheOf(string machine) =>
        cacheFolder is null ? null : new(cacheFolder, machine);

    private InstructionVerdict Find(string machine, VerdictCache<IReadOnlyList<InstructionTrial>>? cache, bool all)
    {
        tell("Trying which of this processor's instructions libtorch computes rightly with: a few seconds, once.");
        var made = trials.Make(all);
        if (made.Count == 0)
            return new(null, "this program cannot start trials, so nothing was tried", [], machine, null);
        var isKept = cache?.Write(made) ?? false;
        if (!isKept)
            tell($"What was found cannot be kept in {cacheFolder ?? "a home folder"}: every start tries again.");
        return Of(made, "found by trials", machine, isKept ? cache!.Path : null);
    }

    private static InstructionVerdict Of(
        IReadOnlyList<InstructionTrial> trials,
        string how,
        string machine,
        string? file
    )
    {
        var best = Trials.Best(trials)!;
        return new(best.Limit, best.IsRight ? how : $"{how}: none is wholly right", trials, machine, file);
    }
}
