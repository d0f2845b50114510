using System.Runtime.CompilerServices;
using KdPlugins.Torch;

// The tests share TorchSharp's global generator, and libtorch uses every core by itself.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace KdPlugins.AugKd.Tests;

internal static class Startup
{
    [ModuleInitializer]
    internal static void StartLibTorch() => NativeRuntime.Start();
}
