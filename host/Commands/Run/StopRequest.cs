using System.Runtime.InteropServices;

namespace KdPlugins.Host.Commands.Run;

/// <summary>
/// Ctrl-C and SIGTERM while a run goes on: the first asks it to finish its step and save, the second ends the process at
/// once, which harms no checkpoint.
/// </summary>
internal sealed partial class StopRequest : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly IReadOnlyList<PosixSignalRegistration> _registrations;
    private readonly Action _told;
    private int _exitCode;

    private StopRequest(Action told)
    {
        _told = told;
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, c => Stop(c, ExitCodes.Interrupted)),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, c => Stop(c, ExitCodes.Terminated)),
        ];
    }

    /// <summary>Cancelled by the first signal.</summary>
    internal CancellationToken Token => _source.Token;

    /// <summary>The exit code of the first signal; 0 where none came.</summary>
    internal int ExitCode => Volatile.Read(ref _exitCode);

    /// <summary>Listens until disposed. told: called once, at the first signal.</summary>
    internal static StopRequest Listen(Action told) => new(told);

    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
        _source.Dispose();
    }

    private void Stop(PosixSignalContext context, int exitCode)
    {
        context.Cancel = true;
        // Threads of libtorch may be in the middle of anything: nothing of theirs must run at this exit.
        if (Interlocked.CompareExchange(ref _exitCode, exitCode, 0) != 0)
            ExitNow(exitCode);
        _told();
        _source.Cancel();
    }

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void ExitNow(int status);
}
