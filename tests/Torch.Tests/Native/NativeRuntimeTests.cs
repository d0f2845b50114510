using TorchSharp;
using Xunit;

namespace KdPlugins.Torch.Tests.Native;

public class NativeRuntimeTests
{
    [Fact]
    public void TorchSharp_computes_after_start()
    {
        var info = NativeRuntime.Start();
        using var x = torch.tensor(new float[] { 1, 2, 3 });
        Assert.Equal(6f, x.sum().item<float>());
        Assert.NotEqual(0UL, info.AbiVersion);
        Assert.Contains("x", info.ToString());
    }
}
