using System.Text.Json;
using KdPlugins.Host.Loading.Files;
using KdPlugins.Torch;

namespace KdPlugins.Host.Loading.Manifest;

/// <summary>
/// plugins.lock.json: the SHA-256 of every code file (assemblies, native libraries, json) of every approved folder.
/// </summary>
internal sealed class HashLock
{
    /// <summary>The file's name in the folder of plugins.</summary>
    internal const string FileName = "plugins.lock.json";

    // Five thousand files of a hundred folders.
    private const int MaxBytes = 64 << 20;
    private readonly SortedDictionary<string, SortedDictionary<string, string>> _folders = new(StringComparer.Ordinal);

    /// <summary>Where it lies.</summary>
    internal static string PathOf(string root, LoaderOptions options) =>
        options.LockFile ?? Path.Combine(root, FileName);

    /// <summary>Reads a lock file; one that is absent approves nothing. Raises KDP0111 where it cannot be read.</summary>
    internal static HashLock Read(string path)
    {
        var result = new HashLock();
        if (!File.Exists(path))
            return result;
        try
        {
            using var document = JsonDocument.Parse(PlainFile.ReadBytes(path, MaxBytes));
            foreach (var folder in document.RootElement.GetProperty("plugins").EnumerateObject())
            {
                var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
                foreach (var file in folder.Value.EnumerateObject())
                    files.Add(file.Name, file.Value.GetString() ?? "");
                result._folders.Add(folder.Name, files);
            }
            return result;
        }
        catch (Exception e)
            when (e
                    is JsonException
                        or KeyNotFoundException
                        or InvalidOperationException
                        or ArgumentException
                        or IOException
                        or UnauthorizedAccessException
            )
        {
            throw new Torch.KdException(
                HostErrors.NotApproved,
                $"{path} cannot be read: {e.Message}",
                "Restore the file from your records, or approve the plugins anew."
            );
        }
    }

    /// <summary>Approves a folder as it is now.</summary>
    internal void Approve(string name, FolderSnapshot snapshot)
    {
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in snapshot.Code)
            files.Add(file.Path, file.Sha256);
        _folders[name] = files;
    }

    /// <summary>Writes the file: to a temporary name, flushed, renamed.</summary>
    internal void Write(string path)
    {
        var temporary = path + ".new";
        using (var stream = new FileStream(temporary, FileMode.Create))
        {
            using (var json = new Utf8JsonWriter(stream, new() { Indented = true }))
            {
                json.WriteStartObject();
                json.WriteNumber("format", 1);
                json.WriteStartObject("plugins");
                foreach (var (name, files) in _folders)
                {
                    json.WriteStartObject(name);
                    foreach (var (file, hash) in files)
                        json.WriteString(file, hash);
                    json.WriteEndObject();
                }
                json.WriteEndObject();
                json.WriteEndObject();
            }
            stream.Flush(flushToDisk: true);
        }
        File.Move(temporary, path, overwrite: true);
    }

    /// <summary>What differs from the approved state, or null.</summary>
    internal Finding? Check(string name, FolderSnapshot snapshot)
    {
        if (!_folders.TryGetValue(name, out var approved))
            return Finding.Error(HostErrors.NotApproved, $"plugin folder '{name}' was never approved.");
        var actual = snapshot.Code.ToDictionary(f => f.Path, f => f.Sha256);
        var changed = approved.Where(a => actual.TryGetValue(a.Key, out var h) && h != a.Value).Select(a => a.Key);
        var differences = changed
            .Select(f => $"{f} changed")
            .Concat(approved.Keys.Except(actual.Keys).Select(f => $"{f} is gone"))
            .Concat(actual.Keys.Except(approved.Keys).Select(f => $"{f} is new"))
            .Order(StringComparer.Ordinal)
            .ToList();
        return differences.Count == 0
            ? null
            : Finding.Error(
                HostErrors.NotApproved,
                $"plugin folder '{name}' is not what was approved: {string.Join(", ", differences)}."
            );
    }
}
