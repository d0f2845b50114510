using System.Security.Cryptography;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Files;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Host.Loading.Manifest;
using KdPlugins.Host.Loading.Packages;
using KdPlugins.Torch;

namespace KdPlugins.Host.Service.Plugins;

/// <summary>Where new versions of plugins are copied to and tried, before anything of them comes into use.</summary>
internal sealed class PluginStaging(string source, string folder, ServiceOptions options, IsolatedCheck check)
    : IDisposable
{
    /// <summary>The staging folder; gone when this is disposed.</summary>
    internal string Folder => folder;

    /// <summary>Begins with an empty folder.</summary>
    internal void Begin()
    {
        Dispose();
        Directory.CreateDirectory(folder);
    }

    /// <summary>Where a plugin folder lies while it is tried.</summary>
    internal string At(string name) => Path.Combine(folder, name, name);

    /// <summary>Copies a folder, or unpacks a package. Why it cannot be used as it is; null for nothing.</summary>
    internal string? Stage(string name, string hash)
    {
        var (from, to) = (Path.Combine(source, name), At(name));
        if (!FolderPluginCatalog.IsPackage(from))
        {
            PluginScan.Copy(from, to);
            // What goes on to change is looked at again after every change, and holds nobody else up.
            return PluginScan.Look(to).Hash == hash ? null : Changed(name);
        }
        using var package = new FileStream(from, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        if (Convert.ToHexStringLower(SHA256.HashData(package)) != hash)
            return Changed(name);
        try
        {
            PackageFile.Extract(package, name, to, new());
            return null;
        }
        catch (KdException e)
        {
            return e.Message;
        }
    }

    /// <summary>Tries several together.</summary>
    internal Task<CheckReport> CheckAll(IEnumerable<string> names, CancellationToken stop)
    {
        var root = Path.Combine(folder, ".all");
        foreach (var name in names)
            PluginScan.Copy(At(name), Path.Combine(root, name));
        return Check(root, stop);
    }

    /// <summary>Tries one alone.</summary>
    internal async Task<CheckResult> CheckOne(string name, CancellationToken stop)
    {
        var report = await Check(Path.Combine(folder, name), stop);
        return report.Of(name) ?? report.Whole;
    }

    /// <summary>What decides, beside the plugins themselves, which of them may be used: the lock file as it is.</summary>
    internal string Rules() => HasLock ? Convert.ToHexStringLower(PluginScan.HashFile(LockFile)) : "";

    /// <summary>Puts the lock file into a folder of plugins, where one is needed.</summary>
    internal void CopyLock(string root)
    {
        if (HasLock)
            File.Copy(LockFile, Path.Combine(root, HashLock.FileName), overwrite: true);
    }

    public void Dispose()
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
    }

    private static string Changed(string name) =>
        Finding.Error(HostErrors.Unstable, $"'{name}' changed while it was copied.").ToString();

    // What is no plain file approves nothing, and is not opened.
    private bool HasLock =>
        options.Trust == TrustLevel.Locked && EntryKinds.Of(new FileInfo(RealPath.Of(LockFile))) == EntryKind.File;

    private string LockFile => Path.Combine(source, HashLock.FileName);

    private Task<CheckReport> Check(string root, CancellationToken stop)
    {
        CopyLock(root);
        return check.Run(root, stop);
    }
}
