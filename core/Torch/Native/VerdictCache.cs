using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace KdPlugins.Torch.Native;

/// <summary>
/// Keeps what was found in the user's cache folder, one file per key (processor, libtorch, number of threads and more) and form of the
/// file, with its hash in its last line. What cannot be read, is damaged or is of another key or form counts as absent.
/// </summary>
internal sealed class VerdictCache<T>(string folder, string key)
    where T : class
{
    // Of what is written: versions of this program that write otherwise keep files of their own.
    private const int Form = 1;
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(60);

    // What lacks something is refused and not read as null.
    private static readonly JsonSerializerOptions Whole = new()
    {
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    private sealed record Content(string Key, T Found);

    /// <summary>The file of the key.</summary>
    internal string Path { get; } = System.IO.Path.Combine(folder, HashOf($"{Form}\n{key}")[..16] + ".json");

    /// <summary>What was found before; null where nothing is known.</summary>
    internal T? Read()
    {
        try
        {
            var text = File.ReadAllText(Path);
            var end = text.LastIndexOf('\n');
            if (end < 0 || text[(end + 1)..] != HashOf(text[..end]))
                return null;
            var content = JsonSerializer.Deserialize<Content>(text[..end], Whole);
            return content?.Key == key ? content.Found : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Whether it could be kept.</summary>
    internal bool Write(T found)
    {
        try
        {
            Directory.CreateDirectory(folder);
            var text = JsonSerializer.Serialize(new Content(key, found));
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
