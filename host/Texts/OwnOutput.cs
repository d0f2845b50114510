using System.Runtime.InteropServices;
using System.Text;

namespace KdPlugins.Host.Texts;

/// <summary>
/// A stream for what this program says. Plugins, native libraries and child processes write to the standard output as well:
/// once it is taken, what they write there goes to the error stream.
/// </summary>
internal static partial class OwnOutput
{
    /// <summary>The name of the option that names the descriptor; see <see cref="Take"/>.</summary>
    internal const string Option = "--channel";

    private const int Output = 1;
    private const int Error = 2;

    /// <summary>Takes the standard output, or the pipe that whoever started this process reads.</summary>
    /// <param name="channel">The descriptor of the pipe; null for the standard output.</param>
    internal static TextWriter Take(int? channel)
    {
        if (channel > Error && Duplicate(channel.Value, Output) == Output)
            _ = Close(channel.Value);
        // A duplicate that no child inherits, and that says nothing when nobody reads any more.
        var stream = Console.OpenStandardOutput();
        _ = Duplicate(Error, Output);
        return new StreamWriter(stream, new UTF8Encoding(false)) { AutoFlush = true };
    }

    /// <summary>The descriptor that the arguments name; null for none.</summary>
    internal static int? Channel(string[] args) =>
        Array.IndexOf(args, Option) is >= 0 and var at
        && at + 1 < args.Length
        && int.TryParse(args[at + 1], out var descriptor)
            ? descriptor
            : null;

    [LibraryImport("libc", EntryPoint = "dup2")]
    private static partial int Duplicate(int from, int to);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
