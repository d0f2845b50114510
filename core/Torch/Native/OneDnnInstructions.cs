namespace KdPlugins.Torch.Native;

/// <summary>Which vector instructions oneDNN may use in this process.</summary>
internal static class OneDnnInstructions
{
    private static readonly string[] WithoutBFloat16 =
    [
        "SSE41",
        "AVX",
        "AVX2",
        "AVX2_VNNI",
        "AVX512_CORE",
        "AVX512_CORE_VNNI",
    ];

    /// <summary>Whether the limit lets oneDNN compute in bfloat16.</summary>
    internal static bool AllowBFloat16 =>
        !WithoutBFloat16.Contains(NativeRuntime.Start().Instructions.Limit?.ToUpperInvariant());

    /// <summary>Says the limit to oneDNN. It has to run before oneDNN computes anything, which reads the variable once.</summary>
    internal static InstructionVerdict Announce(string libTorchCpu)
    {
        var verdict = InstructionChoice.OfThisProgram.Make(libTorchCpu);
        if (verdict.Limit is { } limit)
            NativeEnvironment.SetDefault(InstructionChoice.Variable, limit);
        return verdict;
    }
}
