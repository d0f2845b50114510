using KdPlugins.Torch;

namespace KdPlugins.Host.Service.Hosting;

/// <summary>The right to work in a data folder: one service at a time. A service that dies gives it back.</summary>
internal sealed class DataLock : IDisposable
{
    // What a lock that somebody holds is answered with: by Linux, by Windows.
    private const int WouldBlock = 11;
    private const int SharingViolation = unchecked((int)0x80070020);

    private readonly FileStream _file;

    private DataLock(FileStream file) => _file = file;

    /// <exception cref="KdException">
    /// <c>KDP0900</c>: another service works there; <c>KDP0915</c>: nobody could, it cannot be written.
    /// </exception>
    internal static DataLock Take(string data)
    {
        var path = Path.Combine(data, "service.lock");
        try
        {
            Directory.CreateDirectory(data);
            return new(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException e) when (e.HResult is WouldBlock or SharingViolation)
        {
            throw new KdException(ServiceErrors.DataInUse, $"'{data}' is in use.", null, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            var error = new KdException(ServiceErrors.DataUnusable, $"'{data}': {e.Message.TrimEnd('.')}.", null, e);
            ExitCodes.Mark(error, ExitCodes.Folder);
            throw error;
        }
    }

    public void Dispose() => _file.Dispose();
}
