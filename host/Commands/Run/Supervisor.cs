using System.Runtime.InteropServices;

namespace KdPlugins.Host.Commands.Run;

/// <summary>
/// Watches standard input, which the supervising process holds open: when it closes, because that process asks or has died,
/// this one gets SIGTERM, saves and ends.
/// </summary>
internal sealed partial class Supervisor : IDisposable
{
    private const int SigTerm = 15;
    private volatile bool _over;

    private Supervisor() { }

    internal static Supervisor Watch()
    {
        var supervisor = new Supervisor();
        new Thread(supervisor.Wait) { IsBackground = true, Name = "supervisor" }.Start();
        return supervisor;
    }

    public void Dispose() => _over = true;

    private void Wait()
    {
        var input = Console.OpenStandardInput();
        var buffer = new byte[256];
        while (input.Read(buffer) > 0) { }
        if (!_over)
            _ = Kill(Environment.ProcessId, SigTerm);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
