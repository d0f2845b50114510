using System.Runtime.CompilerServices;
using Xunit;

// libtorch's random generators, its thread count and its live tensors belong to the whole process.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace KdPlugins.Torch.Tests;

internal static class Startup
{
    [ModuleInitializer]
    internal static void StartLibTorch() => NativeRuntime.Start();
}
