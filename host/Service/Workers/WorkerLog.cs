using System.Text;

namespace KdPlugins.Host.Service.Workers;

/// <summary>
/// The log of a run's attempts. One that cannot be written, or is as long as it may become, takes nothing more; the run goes
/// on without.
/// </summary>
internal sealed class WorkerLog : IDisposable
{
    private const long MostBytes = 64L << 20;
    private readonly Lock _gate = new();
    private readonly Action<Exception> _troubled;
    private FileStream? _file;
    private bool _isTroubled;

    /// <summary>Opens a log to add to it. troubled: called for the first line that could not be written.</summary>
    internal WorkerLog(string path, Action<Exception> troubled)
    {
        _troubled = troubled;
        // Unbuffered: what a full disk did not take is not tried again when this is disposed.
        Try(() =>
            _file = new(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0)
        );
    }

    /// <summary>Adds a line. Safe to use from several threads.</summary>
    internal void Write(string line)
    {
        lock (_gate)
            Try(() =>
            {
                if (_file is { } file && file.Position < MostBytes)
                    file.Write(Encoding.UTF8.GetBytes(line + "\n"));
            });
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _file?.Dispose();
            _file = null;
        }
    }

    private void Try(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!_isTroubled)
                _troubled(e);
            _isTroubled = true;
        }
    }
}
