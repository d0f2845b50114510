using System.Diagnostics;
using Xunit;

namespace KdPlugins.Core.Tests;

/// <summary>A small volume in memory; a test is skipped where this user cannot mount one.</summary>
internal sealed class SmallVolume : IDisposable
{
    private readonly string _path;

    private SmallVolume(string path) => _path = path;

    internal static SmallVolume Mount(string path, int mebibytes)
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "mounts a volume in memory as Linux does");
        Directory.CreateDirectory(path);
        Skip.IfNot(
            Call("mount", "-t", "tmpfs", "-o", $"size={mebibytes}m", "none", path),
            "this user cannot mount a volume"
        );
        return new(path);
    }

    private string Ballast => Path.Combine(_path, "ballast");

    /// <summary>Takes all room there is.</summary>
    internal void Fill()
    {
        using var file = new FileStream(Ballast, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        try
        {
            while (true)
                file.Write(new byte[4096]);
        }
        catch (IOException)
        {
            // full
        }
    }

    /// <summary>Gives it back.</summary>
    internal void Empty() => File.Delete(Ballast);

    /// <summary>Mounts it once more, ro or rw.</summary>
    internal void Remount(string mode) => Assert.True(Call("mount", "-o", $"remount,{mode}", _path));

    public void Dispose() => Call("umount", _path);

    private static bool Call(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(
                new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true }
            )!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
