using KdPlugins.Core;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Torch;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>A folder of plugins that is gone after the test.</summary>
internal sealed class PluginRoot : IDisposable
{
    private readonly List<FolderPluginCatalog> _catalogs = [];

    internal PluginRoot(string name = "kd-plugins") => Path = Directory.CreateTempSubdirectory(name).FullName;

    internal string Path { get; }

    /// <summary>A folder with one compiled assembly, both of one name.</summary>
    internal PluginRoot Add(string name, string source) => Add(name, PluginCompiler.Compile(name, source));

    internal PluginRoot Add(string name, byte[] image) => Write($"{name}/{name}.dll", image);

    internal PluginRoot Write(string path, byte[] content)
    {
        var full = At(path);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(full)!);
        File.WriteAllBytes(full, content);
        return this;
    }

    internal PluginRoot Write(string path, string content) => Write(path, System.Text.Encoding.UTF8.GetBytes(content));

    /// <summary>A plugin that was built as a project.</summary>
    internal PluginRoot AddFixture(string project)
    {
        foreach (var file in Directory.EnumerateFiles(FixtureOutput(project)))
            Write($"{project}/{System.IO.Path.GetFileName(file)}", File.ReadAllBytes(file));
        return this;
    }

    /// <summary>The output of a plugin that was built as a project.</summary>
    internal static string FixtureOutput(string project)
    {
        var name = new DirectoryInfo(AppContext.BaseDirectory);
        return System.IO.Path.Combine(
            name.Parent!.Parent!.Parent!.Parent!.FullName,
            "Fixtures",
            project,
            "bin",
            name.Parent.Name,
            name.Name
        );
    }

    internal string At(string path) => System.IO.Path.Combine(Path, path);

    internal FolderPluginCatalog Load(LoaderOptions? options = null)
    {
        var catalog = FolderPluginCatalog.Load(Path, options);
        _catalogs.Add(catalog);
        return catalog;
    }

    /// <summary>The folder's first error after loading, as its message.</summary>
    internal string Refusal(string folder, LoaderOptions? options = null)
    {
        var status = Load(options).Folders.Single(f => f.Name == folder);
        Assert.NotEqual(PluginState.Active, status.State);
        return status.Findings.First(f => f.Severity == Severity.Error).ToString();
    }

    public void Dispose()
    {
        foreach (var catalog in _catalogs)
            catalog.Dispose();
        Directory.Delete(Path, recursive: true);
    }
}

internal static class CatalogExtensions
{
    internal static PluginStatus Status(this FolderPluginCatalog catalog, string id) =>
        Assert.Single(catalog.Statuses, s => s.Id == id);

    internal static KdException Refused(this FolderPluginCatalog catalog, PluginKind kind, string id) =>
        Assert.Throws<KdException>(() => catalog.Create(kind, id));
}
