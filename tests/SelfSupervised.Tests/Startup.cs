using System.Runtime.CompilerServices;
using KdPlugins.Torch;
using Xunit;

// Libtorch uses every core by itself.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace KdPlugins.SelfSupervised.Tests;

internal static class Startup
{
    [ModuleInitializer]
    internal static void StartLibTorch() => NativeRuntime.Start();
}
