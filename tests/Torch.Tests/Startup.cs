using System.Runtime.CompilerServices;

namespace KdPlugins.Torch.Tests;

internal static class Startup
{
    [ModuleInitializer]
    internal static void StartLibTorch() => NativeRuntime.Start();
}
