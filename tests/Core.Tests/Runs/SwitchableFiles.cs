namespace KdPlugins.Core.Tests.Runs;

/// <summary>The plain disk until it is switched on, so that opening a run is not counted.</summary>
internal sealed class SwitchableFiles(IRunFiles faulty) : IRunFiles
{
    public bool On { get; set; }

    private IRunFiles Files => On ? faulty : DiskFiles.Instance;

    public void CreateFolder(string path) => Files.CreateFolder(path);

    public Stream Create(string path) => Files.Create(path);

    public Stream OpenEnd(string path) => Files.OpenEnd(path);

    public void Flush(Stream stream) => Files.Flush(stream);

    public void Cut(Stream stream, long length) => Files.Cut(stream, length);

    public void Move(string source, string target) => Files.Move(source, target);

    public void FlushFolder(string path) => Files.FlushFolder(path);

    public void DeleteFile(string path) => Files.DeleteFile(path);

    public void DeleteFolder(string path) => Files.DeleteFolder(path);

    public long FreeBytes(string folder) => Files.FreeBytes(folder);
}
