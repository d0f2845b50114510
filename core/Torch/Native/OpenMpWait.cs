namespace KdPlugins.Torch.Native;

/// <summary>
/// How long OpenMP's threads spin at a barrier before they sleep. libgomp's default of some 300,000 rounds assumes that
/// the machine is its own: beside one other busy process it costs more than it saves, up to ten times the step.
/// </summary>
internal static class OpenMpWait
{
    internal const string SpinCount = "GOMP_SPINCOUNT";
    private const string Policy = "OMP_WAIT_POLICY";
    private const string Rounds = "10000";

    /// <summary>
    /// Shortens the wait unless the environment says something. It has to run before libgomp is loaded.
    /// </summary>
    internal static void Shorten()
    {
        if (Environment.GetEnvironmentVariable(SpinCount) is null && Environment.GetEnvironmentVariable(Policy) is null)
            NativeEnvironment.SetDefault(SpinCount, Rounds);
    }
}
