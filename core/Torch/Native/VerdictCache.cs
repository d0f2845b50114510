using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace KdPlugins.Torch.Native;

/// <summary>
/// Keeps the outcome of trials in the user's cache folder, one file per processor, libtorch, number of threads and form of this file,
/// with its hash in its last line. What cannot be read, is damaged or is of another key counts as absent.
/// </summary>
internal sealed class VerdictCache(string folder, string key)
{
    // Of what is written: versions of this program that write otherwise keep files of their own.
    private const int Form = 1;
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(60);

    private sealed record Content(string Key, IReadOnlyList<InstructionTrial> Trials);

    /// <summary>The file of the key.</summary>
    internal string Path { get; } = System.IO.Path.Combine(folder, HashOf($"{Form}\n{key}")[..16] + ".json");

    /// <summary>What was found before; null where nothing is known.</summary>
    internal IReadOnlyList<InstructionTrial>? Read()
    {
        try
        {
            var text = File.ReadAllText(Path);
            var end = text.LastIndexOf('\n');
            if (end < 0 || text[(end + 1)..] != HashOf(text[..end]))
                return null;
            var content = JsonSerializer.Deserialize<Content>(text[..end]);
            return content?.Key == key && content.Trials is { Count: > 0 } trials && trials.All(IsWhole)
                ? trials
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    // JSON that lacks something reads as null.
    private static bool IsWhole(InstructionTrial? trial) => trial is { Limit: not null, Faults: not null };

    /// <summary>Whether it could be kept.</summary>
    internal bool Write(IReadOnlyList<InstructionTrial> trials)
    {
        try
        {
            Directory.CreateDirectory(folder);
            var text = JsonSerializer.Serialize(new Content(key, trials));
            LibraryCache.WriteBeside(Path, Encoding.UTF8.GetBytes($"{text}\n{HashOf(text)}"));
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>
    /// One process at a time makes trials: the others wait for what it finds. Null where that cannot be arranged or takes too long:
    /// then each makes its own.
    /// </summary>
    internal IDisposable? Turn()
    {
        for (var waited = TimeSpan.Zero; waited < LongestWait; waited += TimeSpan.FromMilliseconds(50))
        {
            try
            {
                Directory.CreateDirectory(folder);
                return new FileStream(Path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (Exception e)
                when (e is UnauthorizedAccessException or DirectoryNotFoundException || !File.Exists(Path + ".lock"))
            {
                return null;
            }
            catch (IOException)
            {
                Thread.Sleep(50);
            }
        }
        return null;
    }

    private static string HashOf(string text) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
