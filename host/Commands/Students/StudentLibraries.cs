using System.Reflection;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using KdPlugins.Torch;
using Microsoft.ML.OnnxRuntime;
using SkiaSharp;

namespace KdPlugins.Host.Commands.Students;

/// <summary>
/// The native libraries of ONNX Runtime and SkiaSharp, which no output folder holds: they are loaded from the package folders of the
/// build, unless they lie beside the program, as they do in one that was published with its libraries.
/// </summary>
internal static class StudentLibraries
{
    private static readonly (Func<Assembly> User, string File, string Package, string Version)[] All =
    [
        (
            () => typeof(InferenceSession).Assembly,
            "libonnxruntime.so",
            "microsoft.ml.onnxruntime",
            "KdPlugins.OnnxRuntime"
        ),
        (
            () => typeof(SKBitmap).Assembly,
            "libSkiaSharp.so",
            "skiasharp.nativeassets.linux.nodependencies",
            "KdPlugins.SkiaSharp"
        ),
    ];

    private static readonly Lock Gate = new();
    private static bool _isAnnounced;

    /// <summary>To be called before the first use of either.</summary>
    /// <exception cref="KdException"><c>KDP0825</c>: one is nowhere.</exception>
    internal static void Announce()
    {
        lock (Gate)
        {
            if (_isAnnounced)
                return;
            var found = All.ToDictionary(
                l => l.User(),
                l =>
                    Find(
                        AppContext.BaseDirectory,
                        PackageRoots(),
                        l.File,
                        l.Package,
                        AppContext.GetData(l.Version) as string
                    )
            );
            AssemblyLoadContext.Default.ResolvingUnmanagedDll += (asking, _) =>
                found.TryGetValue(asking, out var path) ? NativeLibrary.Load(path) : 0;
            _isAnnounced = true;
        }
    }

    /// <summary>Where a library is.</summary>
    /// <param name="application">The program's folder.</param>
    /// <param name="roots">Folders of packages.</param>
    /// <param name="file">The library.</param>
    /// <param name="package">Its package.</param>
    /// <param name="version">The package's.</param>
    /// <exception cref="KdException"><c>KDP0825</c>: in none of them.</exception>
    internal static string Find(
        string application,
        IEnumerable<string> roots,
        string file,
        string package,
        string? version
    )
    {
        string[] places =
        [
            Path.Combine(application, file),
            .. roots.Select(root =>
                Path.Combine(root, package, version ?? "", "runtimes", "linux-x64", "native", file)
            ),
        ];
        return places.FirstOrDefault(File.Exists)
            ?? throw new KdException(
                CommandErrors.StudentLibraryMissing,
                $"{file} was looked for at {string.Join(", ", places)}."
            );
    }

    private static IEnumerable<string> PackageRoots() =>
        (AppContext.GetData("KdPlugins.PackageRoot") as string ?? "")
            .Split(';')
            .Prepend(Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? "")
            .Append(
                Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages")
            )
            .Where(Path.IsPathFullyQualified);
}
