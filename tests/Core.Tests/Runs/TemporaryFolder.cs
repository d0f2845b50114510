namespace KdPlugins.Core.Tests.Runs;

/// <summary>A folder that a test has to itself; in memory where the system offers that, for forcing onto a disk is slow.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private const string InMemory = "/dev/shm";

    public TemporaryFolder() => Directory.CreateDirectory(Root);

    public string Root { get; } =
        Path.Combine(Directory.Exists(InMemory) ? InMemory : Path.GetTempPath(), $"kd-core-{Guid.NewGuid():N}");

    /// <summary>A path in it.</summary>
    public string this[string name] => Path.Combine(Root, name);

    public void Dispose() => Directory.Delete(Root, recursive: true);

    /// <summary>Copies a folder with all that it holds.</summary>
    public static void Copy(string source, string target)
    {
        Directory.CreateDirectory(target);
        foreach (string file in Directory.GetFiles(source))
        {
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)), overwrite: true);
        }
        foreach (string folder in Directory.GetDirectories(source))
        {
            Copy(folder, Path.Combine(target, Path.GetFileName(folder)));
        }
    }
}
