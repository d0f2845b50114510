using System.Runtime.CompilerServices;
using KdPlugins.Torch;

// The engine draws from libtorch's default generators, one run at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace KdPlugins.Composition.Tests;

internal static class Startup
{
    [ModuleInitializer]
    internal static void StartLibTorch() => NativeRuntime.Start();
}
