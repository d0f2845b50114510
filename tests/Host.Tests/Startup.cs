using System.Runtime.CompilerServices;
using KdPlugins.Torch;

namespace KdPlugins.Host.Tests;

internal static class Startup
{
    [ModuleInitializer]
    internal static void Start()
    {
        Environment.SetEnvironmentVariable("KD_PACKAGES", Path.Combine(AppContext.BaseDirectory, "packages"));
        NativeRuntime.Start();
    }
}
