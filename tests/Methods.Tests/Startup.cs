using System.Runtime.CompilerServices;
using KdPlugins.Torch;

// The tests share TorchSharp's global generator, one run at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace KdPlugins.Methods.Tests;

internal static class Startup
{
    [ModuleInitializer]
    internal static void StartLibTorch()
    {
        NativeRuntime.Start();
        // Tensors are tiny: threads would only wait for each other.
        TorchSharp.torch.set_num_threads(1);
    }
}
