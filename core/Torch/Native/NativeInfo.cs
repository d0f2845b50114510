namespace KdPlugins.Torch;

/// <summary>What native start-up found and did.</summary>
/// <param name="Source">Where libtorch was found: <c>KD_LIBTORCH</c>, the application folder or a package folder.</param>
/// <param name="LibTorchFolder">The folder that holds libtorch_cpu.so.</param>
/// <param name="LibTorchSharpPath">The LibTorchSharp that was loaded; a cached copy where its requirement was relaxed.</param>
/// <param name="Relaxed">Which version requirement was relaxed, or null where the original was loaded.</param>
/// <param name="AbiVersion">The ABI number that this libtorch reports.</param>
/// <param name="Instructions">Which of the processor's instructions oneDNN uses, and why.</param>
/// <param name="CudaAvailable">Whether a tensor was really computed on a CUDA device.</param>
/// <param name="CudaStatus">Why CUDA can or cannot be used, one sentence.</param>
/// <param name="Refusals">The places looked at before, each with the reason why it was refused.</param>
public sealed record NativeInfo(
    string Source,
    string LibTorchFolder,
    string LibTorchSharpPath,
    string? Relaxed,
    ulong AbiVersion,
    InstructionVerdict Instructions,
    bool CudaAvailable,
    string CudaStatus,
    IReadOnlyList<string> Refusals
);
