using KdPlugins.Torch.Native;

namespace KdPlugins.Torch.Tests.Native;

/// <summary>Where this test run's libraries lie, and folders that vanish with a test.</summary>
internal static class Places
{
    internal static string LibTorch { get; } = NativeRuntime.Start().LibTorchFolder;

    internal static string Shim { get; } =
        NativeCandidate
            .LibTorchSharpFolders(AppContext.BaseDirectory, NativeCandidate.DefaultPackageRoots())
            .Select(f => Path.Combine(f, NativeLoader.LibTorchSharp))
            .First(File.Exists);

    internal static byte[] ShimBytes { get; } = File.ReadAllBytes(Shim);

    internal static TemporaryFolder NewFolder() => new();

    /// <summary>A folder with links to libtorch's own libraries, to be spoilt by the test.</summary>
    internal static TemporaryFolder LinkedLibTorch(params string[] except)
    {
        var folder = NewFolder();
        foreach (var file in Directory.GetFiles(LibTorch).Where(f => !except.Contains(Path.GetFileName(f))))
            File.CreateSymbolicLink(Path.Combine(folder.Path, Path.GetFileName(file)), file);
        return folder;
    }
}

internal sealed class TemporaryFolder : IDisposable
{
    internal string Path { get; } = Directory.CreateTempSubdirectory("kd-test-").FullName;

    internal string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
