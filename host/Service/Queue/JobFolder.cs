using System.Text.Json;
using System.Text.RegularExpressions;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Host.Service.Queue;

/// <summary>
/// The folder of a queued run: job.json (what was asked for, and how it ended), recipe.json, worker.log, run/. Everything
/// that the queue's database knows can be had from these folders again.
/// </summary>
internal sealed partial record JobFolder(string Root)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    // Bytes: a request of two mebibytes, escaped.
    private const int Largest = 16 << 20;

    internal string Id => Path.GetFileName(Root);

    internal string RecipePath => Path.Combine(Root, "recipe.json");

    internal string RunPath => Path.Combine(Root, "run");

    internal string LogPath => Path.Combine(Root, "worker.log");

    private string FilePath => Path.Combine(Root, "job.json");

    /// <summary>The folder of a run below the service's own; refuses what is no id.</summary>
    /// <exception cref="KdException"><c>KDP0903</c>.</exception>
    internal static JobFolder Of(string runs, string id) =>
        IsId(id)
            ? new(Path.Combine(runs, id))
            : throw new KdException(ServiceErrors.JobMissing, "That is no id of a run.");

    /// <summary>Whether a text can be an id: lower-case letters, digits and single hyphens.</summary>
    internal static bool IsId(string text) => text.Length <= 160 && Pattern().IsMatch(text);

    /// <summary>Makes the folder whole or not at all.</summary>
    internal void Create(Job job, JobRequest request)
    {
        var temporary = Path.Combine(Path.GetDirectoryName(Root)!, $".{Id}.tmp");
        var fresh = new JobFolder(temporary);
        try
        {
            Directory.CreateDirectory(temporary);
            AtomicFile.Write(fresh.RecipePath, s => s.Write(System.Text.Encoding.UTF8.GetBytes(request.Recipe)));
            fresh.Write(job, request);
            Directory.Move(temporary, Root);
        }
        catch
        {
            fresh.Remove();
            throw;
        }
    }

    /// <summary>Deletes the folder, where that can be done: for a run that was refused after all.</summary>
    internal void Remove()
    {
        try
        {
            Directory.Delete(Root, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The first failure is the one to tell.
        }
    }

    /// <summary>Records where the job stands.</summary>
    internal void Write(Job job, JobRequest request) =>
        AtomicFile.Write(
            FilePath,
            s => JsonSerializer.Serialize(s, new JobFile("1.0", job, request with { Recipe = "" }), Json)
        );

    /// <summary>What the folder says; null where it says nothing that can be read.</summary>
    internal (Job Job, JobRequest Request)? Read()
    {
        try
        {
            var file = JsonSerializer.Deserialize<JobFile>(PlainFile.ReadBytes(FilePath, Largest), Json);
            return file is { Job: { } job, Request: { } request } && job.Id == Id
                ? (job, request with { Recipe = PlainFile.ReadText(RecipePath, Largest) })
                : null;
        }
        catch (Exception e)
            when (e is JsonException or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private sealed record JobFile(string Format, Job Job, JobRequest Request);

    [GeneratedRegex("^[a-z0-9]+(-[a-z0-9]+)*$")]
    private static partial Regex Pattern();
}
