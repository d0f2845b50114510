using System.Reflection;
using KdPlugins.Torch;

namespace KdPlugins.Host.Loading.Parts;

/// <summary>What running a piece of a plugin came to, as text: an exception object would keep the plugin in memory.</summary>
internal sealed record Failure(bool TimedOut, string Message, string Trace);

/// <summary>Runs code of a plugin on a thread of its own, for a limited time.</summary>
internal static class Guard
{
    /// <summary>
    /// Runs it. A thread that does not return in time cannot be ended: it is left behind in the background, and its plugin
    /// stays in memory.
    /// </summary>
    internal static Failure? Run(string name, TimeSpan timeout, Action action)
    {
        Failure? failure = null;
        var thread = new Thread(() => failure = Catch(action)) { IsBackground = true, Name = $"plugin {name}" };
        thread.Start();
        return thread.Join(timeout) ? failure : new(true, $"did not return within {timeout.TotalSeconds:0.###} s", "");
    }

    /// <summary>Runs it on this thread.</summary>
    internal static Failure? Catch(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (Exception e)
        {
            return Describe(e);
        }
    }

    /// <summary>The root cause of an exception, as text.</summary>
    internal static Failure Describe(Exception e)
    {
        var trace = e.ToString();
        while (e is TargetInvocationException or TypeInitializationException && e.InnerException is { } inner)
            e = inner;
        var message = e.Message.ReplaceLineEndings(" ");
        return new(false, e is KdException ? message : $"{e.GetType().Name}: {message}", trace);
    }
}
