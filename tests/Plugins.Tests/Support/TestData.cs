using System.Formats.Tar;
using System.IO.Compression;

namespace KdPlugins.Plugins.Tests;

/// <summary>
/// Real data sets, where the machine has them: in the folder that KD_TEST_DATA names, or in shared/data beside the
/// repository. Tests that need them skip elsewhere.
/// </summary>
internal static class TestData
{
    /// <summary>The unpacked archive, once per machine; skips the test where the archive is absent.</summary>
    public static string Unpacked(string archive)
    {
        var path = Path.Combine(Folder() ?? "", archive);
        Skip.IfNot(File.Exists(path), $"'{archive}' is neither in KD_TEST_DATA nor in ../shared/data.");
        var target = Path.Combine(Path.GetTempPath(), "kd-test-data", $"{archive}-{new FileInfo(path).Length}");
        if (Directory.Exists(target))
            return target;
        var fresh = $"{target}.{Guid.NewGuid():n}";
        Directory.CreateDirectory(fresh);
        using (var gzip = new GZipStream(File.OpenRead(path), CompressionMode.Decompress))
            TarFile.ExtractToDirectory(gzip, fresh, overwriteFiles: false);
        try
        {
            Directory.Move(fresh, target);
        }
        catch (IOException) when (Directory.Exists(target))
        {
            Directory.Delete(fresh, recursive: true);
        }
        return target;
    }

    /// <summary>A folder of plain files; skips the test where it is absent.</summary>
    public static string Folder(string name)
    {
        var path = Path.Combine(Folder() ?? "", name);
        Skip.IfNot(Directory.Exists(path), $"'{name}' is neither in KD_TEST_DATA nor in ../shared/data.");
        return path;
    }

    private static string? Folder()
    {
        if (Environment.GetEnvironmentVariable("KD_TEST_DATA") is { Length: > 0 } named)
            return named;
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (File.Exists(Path.Combine(at.FullName, "KdPlugins.sln")))
                return Path.Combine(at.FullName, "..", "shared", "data");
        return null;
    }
}
