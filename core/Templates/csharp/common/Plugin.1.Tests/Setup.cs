global using Xunit;
using System.Runtime.CompilerServices;
using KdPlugins.Torch;

// libtorch's generators and counts of tensors belong to the process.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Plugin._1.Tests;

internal static class Setup
{
    // Before the first tensor: TorchSharp itself does not look where libtorch lies.
    [ModuleInitializer]
    internal static void StartLibTorch() => NativeRuntime.Start();
}
