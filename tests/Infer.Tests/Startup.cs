global using Xunit;
using System.Runtime.CompilerServices;
using KdPlugins.Torch;

// The tests share TorchSharp's global generator, and libtorch uses every core by itself.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace KdPlugins.Infer.Tests;

internal static class Startup
{
    [ModuleInitializer]
    internal static void StartLibTorch()
    {
        NativeRuntime.Start();
        // Tensors are tiny: threads would only wait for each other.
        TorchOps.set_num_threads(1);
    }
}
