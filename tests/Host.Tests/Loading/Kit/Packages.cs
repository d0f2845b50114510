using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Packages;
using KdPlugins.Torch;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>Packages for tests, wrong ones above all.</summary>
internal static class Packages
{
    internal static readonly byte[] Loss = PluginCompiler.Compile("One", PluginCompiler.Loss("one"));

    /// <summary>A package as anybody could write it: any names, attributes, and manifest.</summary>
    internal static byte[] Make(
        IEnumerable<(string Name, byte[] Content)> entries,
        string? manifest = null,
        int attributes = 0
    )
    {
        var files = entries.ToList();
        manifest ??= Manifest([.. files]);
        using var stream = new MemoryStream();
        using (var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
            foreach (var (name, content) in files.Prepend(("plugin.json", Encoding.UTF8.GetBytes(manifest))))
            {
                var entry = archive.CreateEntry(name);
                entry.ExternalAttributes = name == "plugin.json" ? 0 : attributes;
                using var to = entry.Open();
                to.Write(content);
            }
        return stream.ToArray();
    }

    /// <summary>The manifest that fits the entries.</summary>
    internal static string Manifest(params (string Name, byte[] Content)[] entries) =>
        JsonSerializer.Serialize(
            new
            {
                id = "one",
                version = "1.0.0",
                sdk = "0.1",
                entryAssembly = "One.dll",
                files = entries.Select(e => new
                {
                    path = e.Name,
                    sha256 = Convert.ToHexStringLower(SHA256.HashData(e.Content)),
                }),
            }
        );

    /// <summary>The failure of unpacking; nothing is left of it.</summary>
    internal static KdException Refusal(byte[] package, LoaderOptions? options = null)
    {
        var root = Directory.CreateTempSubdirectory("kd-package-").FullName;
        try
        {
            using var stream = new MemoryStream(package);
            var error = Assert.Throws<KdException>(() =>
                PackageFile.Extract(stream, "one.kdplugin", Path.Combine(root, "in"), options ?? new())
            );
            Assert.Empty(Directory.EnumerateFileSystemEntries(root));
            return error;
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }
}
