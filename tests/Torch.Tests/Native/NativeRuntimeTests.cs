using System.Runtime.InteropServices;
using TorchSharp;
using Xunit;

namespace KdPlugins.Torch.Tests.Native;

public class NativeRuntimeTests
{
    [Fact]
    public void TorchSharp_computes_after_start()
    {
        var info = NativeRuntime.Start();
        Assert.Same(info, NativeRuntime.Start());
        Assert.Same(info, NativeRuntime.Current);
        using var x = torch.tensor(new float[] { 1, 2, 3 });
        using var sum = x.sum();
        Assert.Equal(6f, sum.item<float>());
        Assert.Equal(0x020AUL, info.AbiVersion >> 48);
    }

    [Fact]
    public void TorchSharp_gets_the_libraries_that_were_started_and_no_others()
    {
        var info = NativeRuntime.Start();
        var byName = NativeLibrary.Load("LibTorchSharp", typeof(torch).Assembly, null);
        var byPath = NativeLibrary.Load(info.LibTorchSharpPath);
        Assert.Equal(byPath, byName);
    }

    [Fact]
    public void The_state_of_CUDA_is_said_in_words()
    {
        var info = NativeRuntime.Start();
        Assert.Equal(torch.cuda_is_available(), info.CudaAvailable);
        Assert.NotEmpty(info.CudaStatus);
    }
}
