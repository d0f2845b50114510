using KdPlugins.Torch.Native;
using Xunit;

namespace KdPlugins.Torch.Tests.Native;

public sealed class OpenMpWaitTests
{
    [Fact]
    public void Start_up_leaves_a_wait_in_the_C_librarys_environment_for_libgomp()
    {
        NativeRuntime.Start();
        var asked = Environment.GetEnvironmentVariable(OpenMpWait.SpinCount);
        var policy = Environment.GetEnvironmentVariable("OMP_WAIT_POLICY");
        var found = NativeEnvironment.Get(OpenMpWait.SpinCount);
        Assert.Equal(asked ?? (policy is null ? "10000" : null), found);
    }
}
