using System.Reflection;
using System.Runtime.InteropServices;
using KdPlugins.Torch.Native;

namespace KdPlugins.Torch;

/// <summary>
/// Loads libtorch and LibTorchSharp once, by absolute path, before TorchSharp looks for them itself. TorchSharp then
/// uses exactly those and copies nothing.
/// </summary>
public static class NativeRuntime
{
    private static readonly Lock Gate = new();
    private static volatile NativeInfo? _started;

    /// <summary>What was loaded, or null before <see cref="Start"/>.</summary>
    public static NativeInfo? Current => _started;

    /// <summary>
    /// Starts libtorch: from the folder that the environment variable <c>KD_LIBTORCH</c> names, else from the application
    /// folder, else from the NuGet package folder. Call it before the first use of TorchSharp; later calls return the same.
    /// </summary>
    /// <exception cref="KdException"><c>KDP0001</c>: nothing fits; the message lists every place with its reason.</exception>
    public static NativeInfo Start()
    {
        if (_started is { } started)
            return started;
        lock (Gate)
            return _started ??= Load();
    }

    private static NativeInfo Load()
    {
        var roots = NativeCandidate.DefaultPackageRoots();
        var application = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        var loaded = NativeLoader.Load(
            NativeCandidate.All(Environment.GetEnvironmentVariable(NativeCandidate.Variable), application, roots),
            NativeCandidate.LibTorchSharpFolders(application, roots),
            LibraryCache.DefaultFolder
        );
        LeadTorchSharp(loaded.Handles);
        MangledSymbols.Resolve(loaded.Info.LibTorchFolder, loaded.Handles.GetValueOrDefault("torch_cuda"));
        ErrorText.Install();
        NativePressure.Start();
        if (loaded.Info.CudaStatus.Length > 0)
            return loaded.Info;
        var (available, status) = CudaProbe.Check();
        return loaded.Info with { CudaAvailable = available, CudaStatus = status };
    }

    // Without this TorchSharp would search the application folder first, and find another copy of what is loaded there.
    private static void LeadTorchSharp(IReadOnlyDictionary<string, nint> handles)
    {
        nint Find(string name, Assembly assembly, DllImportSearchPath? path) => handles.GetValueOrDefault(name);
        try
        {
            NativeLibrary.SetDllImportResolver(typeof(TorchSharp.torch).Assembly, Find);
        }
        catch (InvalidOperationException)
        {
            // The application leads TorchSharp itself; the loader still finds ours by name.
        }
    }
}
