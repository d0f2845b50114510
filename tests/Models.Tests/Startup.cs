using System.Runtime.CompilerServices;
using KdPlugins.Host.Commands.Students;
using KdPlugins.Torch;
using Xunit;

// The tests share TorchSharp's global generator, and libtorch uses every core by itself.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace KdPlugins.Models.Tests;

internal static class Startup
{
    [ModuleInitializer]
    internal static void StartLibTorch()
    {
        NativeRuntime.Start();
        StudentLibraries.Announce();
    }
}
