using System.Runtime.CompilerServices;
using KdPlugins.Torch;

[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace KdPlugins.Authors.Tests;

internal static class Startup
{
    [ModuleInitializer]
    internal static void StartLibTorch() => NativeRuntime.Start();
}
