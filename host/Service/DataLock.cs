using KdPlugins.Torch;

namespace KdPlugins.Host.Service;

/// <summary>The right to work in a data folder: one service at a time. A service that dies gives it back.</summary>
internal sealed class DataLock : IDisposable
{
    private readonly FileStream _file;

    private DataLock(FileStream file) => _file = file;

    /// <exception cref="KdException"><c>KDP0900</c>: another service works there.</exception>
    internal static DataLock Take(string data)
    {
        Directory.CreateDirectory(data);
        var path = Path.Combine(data, "service.lock");
        try
        {
            return new(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException e) when (e is not (DirectoryNotFoundException or FileNotFoundException))
        {
            throw new KdException(ServiceErrors.DataInUse, $"'{data}' is in use.", null, e);
        }
    }

    public void Dispose() => _file.Dispose();
}
