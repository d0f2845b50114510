using System.Runtime.CompilerServices;
using KdPlugins.Torch;

namespace KdPlugins.Authors.Tests;

internal static class Startup
{
    [ModuleInitializer]
    internal static void StartLibTorch() => NativeRuntime.Start();
}
