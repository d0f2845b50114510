using System.Reflection;
using TorchSharp;

namespace KdPlugins.Torch.Native;

/// <summary>A place that may hold libtorch: where it comes from and the folders that together make it up.</summary>
/// <param name="Source">Where the place comes from, in words.</param>
/// <param name="Folders">The folders, in the order of search.</param>
/// <param name="KnownVersion">Whether the place tells its version, as a package folder does by its name.</param>
internal sealed record NativeCandidate(string Source, IReadOnlyList<string> Folders, bool KnownVersion = false)
{
    /// <summary>The libtorch that TorchSharp 0.107 is built against.</summary>
    internal const string LibTorchVersion = "2.10.0";

    /// <summary>The stable ABI that this code was written for: libtorch 2.10.</summary>
    internal const ulong LibTorchAbi = 0x020A_0000_0000_0000;
    internal const string Variable = "KD_LIBTORCH";
    private const string CudaPackages = "libtorch-cuda-12.8-linux-x64*";
    private static readonly string NativeFolder = Path.Combine("runtimes", "linux-x64", "native");

    /// <summary>Where to look, in order. Nothing is checked yet.</summary>
    internal static IEnumerable<NativeCandidate> All(
        string? explicitFolder,
        string applicationFolder,
        IEnumerable<string> packageRoots
    )
    {
        if (!string.IsNullOrWhiteSpace(explicitFolder))
            yield return new(Variable, [Path.GetFullPath(explicitFolder)]);
        yield return new("application folder", [applicationFolder, Path.Combine(applicationFolder, NativeFolder)]);
        foreach (var root in packageRoots)
        {
            var cuda = Directory.Exists(root)
                ? Directory
                    .GetDirectories(root, CudaPackages)
                    .Select(p => Path.Combine(p, LibTorchVersion, NativeFolder))
                    .Where(Directory.Exists)
                    .ToList()
                : [];
            if (cuda.Count > 0)
                yield return new("CUDA package folder", cuda, KnownVersion: true);
            yield return new(
                "package folder",
                [Path.Combine(root, "libtorch-cpu-linux-x64", LibTorchVersion, NativeFolder)],
                KnownVersion: true
            );
        }
    }

    /// <summary>Where LibTorchSharp may lie: beside the application, or in its package.</summary>
    internal static IEnumerable<string> LibTorchSharpFolders(
        string applicationFolder,
        IEnumerable<string> packageRoots
    ) =>
        [
            applicationFolder,
            Path.Combine(applicationFolder, NativeFolder),
            .. packageRoots.Select(root => Path.Combine(root, "torchsharp", TorchSharpVersion, NativeFolder)),
        ];

    /// <summary>The package folders of the build and of the user, each once.</summary>
    internal static IReadOnlyList<string> DefaultPackageRoots()
    {
        string?[] roots =
        [
            Environment.GetEnvironmentVariable("NUGET_PACKAGES"),
            // Several where the build had fallback folders.
            .. (AppContext.GetData("KdPlugins.PackageRoot") as string ?? "").Split(';'),
            Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages"),
        ];
        // A relative path would mean libraries from wherever the process happens to run.
        return
        [
            .. roots
                .Where(r => !string.IsNullOrWhiteSpace(r) && Path.IsPathFullyQualified(r))
                .Select(r => Path.TrimEndingDirectorySeparator(Path.GetFullPath(r!)))
                .Distinct(),
        ];
    }

    // Read from the assembly: touching TorchSharp's own classes would start its loader.
    private static string TorchSharpVersion =>
        typeof(torch)
            .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
            .InformationalVersion.Split('+')[0] switch
        {
            var v when v.Count(c => c == '.') == 3 && v.EndsWith(".0", StringComparison.Ordinal) => v[..^2],
            var v => v,
        };

    /// <summary>The first of the candidate's folders that has the file, or null.</summary>
    internal string? Find(string fileName) =>
        Folders.Select(f => Path.Combine(f, fileName)).FirstOrDefault(File.Exists);

    /// <summary>The first file that matches a pattern, in ordinal order, or null.</summary>
    internal string? FindPattern(string pattern) =>
        Folders
            .Where(Directory.Exists)
            .SelectMany(f => Directory.GetFiles(f, pattern).Order(StringComparer.Ordinal))
            .FirstOrDefault();

    /// <inheritdoc/>
    public override string ToString() => $"{Source} ({string.Join(", ", Folders)})";
}
