using System.Buffers;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace KdPlugins.Datasets;

/// <summary>
/// SHA-256 over files: name, length and content of each, in the given order. Computed once per process for files that
/// have not changed in size or time.
/// </summary>
internal static class Fingerprints
{
    private static readonly ConcurrentDictionary<string, string> Known = new();

    /// <param name="salt">What else the samples depend on, such as the size they are brought to.</param>
    /// <param name="root">The folder that names are relative to.</param>
    /// <param name="files">Full paths.</param>
    public static string Of(string salt, string root, IReadOnlyList<string> files)
    {
        var state = State(salt, root, files);
        return Known.GetOrAdd(state, _ => Compute(salt, root, files));
    }

    private static string State(string salt, string root, IReadOnlyList<string> files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{salt}\0{root}\0"));
        foreach (var file in files)
        {
            var info = new FileInfo(file);
            var (length, time) = info.Exists ? (info.Length, info.LastWriteTimeUtc.Ticks) : (-1, 0);
            hash.AppendData(Encoding.UTF8.GetBytes($"{file}\0{length}\0{time}\0"));
        }
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private static string Compute(string salt, string root, IReadOnlyList<string> files)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{salt}\0"));
        var buffer = ArrayPool<byte>.Shared.Rent(1 << 16);
        try
        {
            foreach (var file in files)
            {
                using var stream = DataFile.Open(file);
                var name = Path.GetRelativePath(root, file).Replace(Path.DirectorySeparatorChar, '/');
                hash.AppendData(Encoding.UTF8.GetBytes($"{name}\0{stream.Length}\0"));
                for (int read; (read = stream.Read(buffer)) > 0; )
                    hash.AppendData(buffer, 0, read);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
