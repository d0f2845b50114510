namespace KdPlugins.Torch;

/// <summary>What a trial of the processor's instructions found.</summary>
/// <param name="Limit">What oneDNN was limited to, as <c>ONEDNN_MAX_CPU_ISA</c> says it; <c>DEFAULT</c> for everything the processor has.</param>
/// <param name="Faults">What was wrong, a sentence each.</param>
/// <param name="IsWhole">Whether everything was tried; a trial stops where it has seen enough.</param>
/// <param name="Milliseconds">How long the computations took; 0 where not everything was tried.</param>
public sealed record InstructionTrial(string Limit, IReadOnlyList<string> Faults, bool IsWhole, long Milliseconds)
{
    /// <summary>Whether everything was tried and nothing was wrong.</summary>
    public bool IsRight => IsWhole && Faults.Count == 0;
}

/// <summary>Which of the processor's instructions oneDNN, libtorch's library of CPU kernels, uses, and why.</summary>
/// <param name="Limit">The limit that holds, as <c>ONEDNN_MAX_CPU_ISA</c> says it; null for none.</param>
/// <param name="Reason">Who decided, in a sentence.</param>
/// <param name="Trials">What was tried, in order; empty where nothing was.</param>
/// <param name="Processor">What the verdict holds for: processor, hypervisor, libtorch, threads.</param>
/// <param name="File">Where the verdict is kept; null where it is not.</param>
public sealed record InstructionVerdict(
    string? Limit,
    string Reason,
    IReadOnlyList<InstructionTrial> Trials,
    string Processor,
    string? File
)
{
    /// <summary>What is known to be wrong with what was taken; empty where it is right or nothing was tried.</summary>
    public IReadOnlyList<string> Faults => Trials.FirstOrDefault(t => t.Limit == Limit)?.Faults ?? [];
}
