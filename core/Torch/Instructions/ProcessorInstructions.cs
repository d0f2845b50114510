using KdPlugins.Torch.Native;

namespace KdPlugins.Torch;

/// <summary>
/// Which of the processor's instructions libtorch computes with. oneDNN, its library of CPU kernels, has been seen wrong with AVX-512 on
/// one machine and right on another with the same processor, and wrong with AVX2 where AVX-512 was right; so start-up tries them
/// once per machine and keeps what it found (<see cref="NativeInfo.Instructions"/>).
/// </summary>
public static class ProcessorInstructions
{
    /// <summary>
    /// Tries every limit anew, in processes of their own, and keeps what is found for later starts; this process goes on with what it
    /// started with. Takes a few seconds.
    /// </summary>
    /// <returns>What was found. Empty trials where this program cannot start them.</returns>
    /// <exception cref="KdException"><c>KDP0001</c>: there is no usable libtorch.</exception>
    public static InstructionVerdict TryAgain() =>
        InstructionChoice.OfThisProgram.Again(
            Path.Combine(NativeRuntime.Start().LibTorchFolder, NativeLoader.LibTorchCpu)
        );
}
