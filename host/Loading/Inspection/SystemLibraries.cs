using System.Text;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>Which native libraries the system has, found without loading any: loading runs their initialisers.</summary>
internal static class SystemLibraries
{
    private const string Cache = "/etc/ld.so.cache";
    private static readonly Lazy<byte[]> Cached = new(ReadCache);

    /// <summary>The file names that the runtime tries for a name in DllImport, here.</summary>
    internal static IReadOnlyList<string> Names(string name) =>
        OperatingSystem.IsWindows() ? [name, $"{name}.dll"]
        : OperatingSystem.IsMacOS() ? [name, $"{name}.dylib", $"lib{name}.dylib", $"lib{name}"]
        : [name, $"{name}.so", $"lib{name}.so", $"lib{name}"];

    /// <summary>Whether the loader would find a library by itself; on systems that do not tell, it is taken to.</summary>
    internal static bool Has(string name)
    {
        if (!OperatingSystem.IsLinux())
            return true;
        // The runtime has a name of its own for it: libc.so is a text for linkers.
        if (name == "libc")
            return true;
        return Names(name)
            .Where(n => !n.Contains('/', StringComparison.Ordinal))
            .Any(n => IsCached(n) || Folders().Any(f => File.Exists(Path.Combine(f, n))));
    }

    // A table of names that end in a zero.
    private static bool IsCached(string name) =>
        Cached.Value.AsSpan().IndexOf(Encoding.UTF8.GetBytes($"\0{name}\0")) >= 0
        || Cached.Value.AsSpan().IndexOf(Encoding.UTF8.GetBytes($"/{name}\0")) >= 0;

    private static IEnumerable<string> Folders() =>
        ((string?)AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") ?? "")
            .Split(Path.PathSeparator)
            .Concat((Environment.GetEnvironmentVariable("LD_LIBRARY_PATH") ?? "").Split(':'))
            .Append(AppContext.BaseDirectory)
            .Concat(["/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib"])
            .Where(f => f.Length > 0);

    private static byte[] ReadCache()
    {
        try
        {
            return File.Exists(Cache) ? File.ReadAllBytes(Cache) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
