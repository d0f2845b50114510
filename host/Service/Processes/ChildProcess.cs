using System.Diagnostics;
using System.IO.Pipes;
using KdPlugins.Host.Texts;

namespace KdPlugins.Host.Service.Processes;

/// <summary>
/// A process of this program. It speaks over a pipe of its own: what plugins in it print to the standard streams is log, and
/// nothing of it can be taken for its word.
/// </summary>
internal sealed class ChildProcess : IDisposable
{
    // What one child inherits, every child inherits that is started just then.
    private static readonly Lock Starting = new();
    private readonly AnonymousPipeServerStream _words;

    private ChildProcess(Process process, AnonymousPipeServerStream words) => (Process, _words) = (process, words);

    internal Process Process { get; }

    /// <summary>What it says; at an end when it has ended.</summary>
    internal Stream Words => _words;

    /// <summary>Starts a process, and tells it by an argument where to speak.</summary>
    internal static ChildProcess Start(ProcessStartInfo start)
    {
        lock (Starting)
        {
            var words = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.Inheritable);
            try
            {
                start.ArgumentList.Add(OwnOutput.Option);
                start.ArgumentList.Add(words.GetClientHandleAsString());
                return new(Process.Start(start)!, words);
            }
            catch
            {
                words.Dispose();
                throw;
            }
            finally
            {
                words.DisposeLocalCopyOfClientHandle();
            }
        }
    }

    /// <summary>Ends it with all that it has started; nothing where it has ended meanwhile.</summary>
    internal static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception e)
            when (e is InvalidOperationException or System.ComponentModel.Win32Exception or AggregateException)
        {
            // It, or one of those that it has started, has ended by itself meanwhile.
        }
    }

    public void Dispose()
    {
        Process.Dispose();
        _words.Dispose();
    }
}
