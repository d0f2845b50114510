using System.Runtime.CompilerServices;
using KdPlugins.Torch;

[assembly: Xunit.CollectionBehavior(DisableTestParallelization = true)]

namespace KdPlugins.GoodDaKd.Tests;

internal static class Startup
{
    [ModuleInitializer]
    internal static void StartLibTorch() => NativeRuntime.Start();
}
