using KdPlugins.Torch.Native;
using Xunit;

namespace KdPlugins.Torch.Tests.Native;

public sealed class OneDnnInstructionsTests
{
    [Theory]
    [InlineData("AuthenticAMD", true, true)]
    [InlineData("AuthenticAMD", false, false)]
    [InlineData("GenuineIntel", true, false)]
    [InlineData("", false, false)]
    public void Only_AMD_with_AVX512_is_known_to_be_wrong(string vendor, bool hasAvx512, bool affected) =>
        Assert.Equal(affected, OneDnnInstructions.IsAffected(vendor, hasAvx512));

    [SkippableFact]
    public void Start_up_limits_oneDNN_on_affected_processors_unless_the_user_decides()
    {
        Skip.IfNot(File.Exists("/proc/cpuinfo"));
        NativeRuntime.Start();
        var text = File.ReadAllText("/proc/cpuinfo");
        var affected = text.Contains("AuthenticAMD") && text.Contains("avx512f");
        var expected =
            Environment.GetEnvironmentVariable(OneDnnInstructions.Variable)
            ?? Environment.GetEnvironmentVariable("DNNL_MAX_CPU_ISA")
            ?? (affected ? "AVX2" : null);
        Assert.Equal(expected, NativeEnvironment.Get(OneDnnInstructions.Variable));
        Assert.Equal(expected, OneDnnInstructions.Limit);
    }
}
