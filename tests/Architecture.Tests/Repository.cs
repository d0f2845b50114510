using System.Diagnostics;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace KdPlugins.Architecture.Tests;

/// <summary>The repository and what its build left, found from where the tests run.</summary>
internal static class Repository
{
    private static readonly DirectoryInfo Output = new(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));

    internal static string Root { get; } = FindRoot();

    /// <summary>The host's output, of the configuration that the tests were built with.</summary>
    internal static string HostOutput { get; } = Path.Combine(Root, "host", "bin", Output.Parent!.Name, Output.Name);

    /// <summary>The folders of shipped plugins beside the host.</summary>
    internal static IReadOnlyList<string> PluginFolders { get; } =
    [.. Directory.EnumerateDirectories(Path.Combine(HostOutput, "plugins")).Order(StringComparer.Ordinal)];

    /// <summary>The files of the repository that git tracks or does not ignore, relative to the root.</summary>
    /// <param name="pattern">As git has them: a star stands for any part of a path.</param>
    internal static IReadOnlyList<string> Files(string pattern)
    {
        var start = new ProcessStartInfo("git", ["ls-files", "-co", "--exclude-standard", pattern])
        {
            WorkingDirectory = Root,
            RedirectStandardOutput = true,
        };
        using var git = Process.Start(start)!;
        var files = git.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return [.. files.Distinct().Where(f => File.Exists(Path.Combine(Root, f))).Order(StringComparer.Ordinal)];
    }

    /// <summary>The assemblies of this repository that an assembly references.</summary>
    internal static IReadOnlyList<string> OwnReferences(string path)
    {
        using var pe = new PEReader(File.OpenRead(path));
        var metadata = pe.GetMetadataReader();
        return
        [
            .. metadata
                .AssemblyReferences.Select(h => metadata.GetString(metadata.GetAssemblyReference(h).Name))
                .Where(n => n.StartsWith("KdPlugins.", StringComparison.Ordinal) || n == "kd")
                .Order(StringComparer.Ordinal),
        ];
    }

    private static string FindRoot()
    {
        var folder = Output;
        while (!File.Exists(Path.Combine(folder.FullName, "KdPlugins.sln")))
            folder = folder.Parent ?? throw new DirectoryNotFoundException("KdPlugins.sln is nowhere above the tests.");
        return folder.FullName;
    }
}
