using System.Runtime.CompilerServices;
using KdPlugins.Torch;
using Xunit;

// libtorch's random generators, its thread count and its live tensors belong to the whole process.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace KdPlugins.Core.Tests;

internal static class Startup
{
    [ModuleInitializer]
    internal static void StartLibTorch() => NativeRuntime.Start();
}
