using KdPlugins.Torch.Native;
using KdPlugins.Torch.Stable;

namespace KdPlugins.Torch;

/// <summary>
/// Loads libtorch and LibTorchSharp once, by absolute path, before TorchSharp looks for them itself. TorchSharp then
/// finds them by name in the process and copies nothing.
/// </summary>
public static class NativeRuntime
{
    private static readonly Lock Gate = new();
    private static NativeInfo? _started;

    /// <summary>What was loaded, or null before <see cref="Start"/>.</summary>
    public static NativeInfo? Current => _started;

    /// <summary>
    /// Starts libtorch: from the folder that the environment variable <c>KD_LIBTORCH</c> names, else from the application
    /// folder, else from the NuGet package folder. Call it before the first use of TorchSharp; later calls return the same.
    /// </summary>
    /// <exception cref="KdException"><c>KDP0001</c>: nothing fits; the message lists every place with its reason.</exception>
    public static NativeInfo Start()
    {
        lock (Gate)
            return _started ??= Load();
    }

    private static NativeInfo Load()
    {
        var roots = NativeCandidate.DefaultPackageRoots();
        var application = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        var candidates = NativeCandidate.All(
            Environment.GetEnvironmentVariable(NativeCandidate.Variable),
            application,
            roots
        );
        var info = NativeLoader.Load(
            candidates,
            NativeCandidate.LibTorchSharpFolders(application, roots),
            LibraryCache.DefaultFolder
        );
        MangledSymbols.Resolve(info.LibTorchFolder);
        ErrorText.Install();
        return info;
    }
}
