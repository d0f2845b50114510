using System.Text;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using Microsoft.Extensions.Logging;

namespace KdPlugins.Host.Service.Intake;

/// <summary>
/// Recipes on their way from the inbox into the queue, exactly once each, wherever the service dies. A file is moved out of
/// the inbox first, to taking/KEY/; then a run is queued whose id begins with the key; then the file goes to taken/. What is
/// found in taking/ is gone on with: the queue knows by the key whether its run is there.
/// </summary>
/// <param name="folder">The inbox.</param>
/// <param name="queue">The queue.</param>
/// <param name="submit">Queues a recipe's text under a key.</param>
/// <param name="log">The log.</param>
internal sealed class InboxClaims(string folder, JobQueue queue, Func<string, string, Job> submit, ILogger log)
{
    private const int MostNameBytes = 255;
    private readonly string _taking = Path.Combine(folder, "taking");
    private readonly string _taken = Path.Combine(folder, "taken");
    private readonly string _refused = Path.Combine(folder, "refused");

    /// <summary>Called after every step, with its name: for tests that end the service there.</summary>
    internal Action<string> Passed { get; init; } = _ => { };

    /// <summary>Makes the folders that are not there.</summary>
    internal void MakeFolders()
    {
        foreach (var sub in (string[])[_taking, _taken, _refused])
            Directory.CreateDirectory(sub);
    }

    /// <summary>What was begun and is not at its end.</summary>
    internal IReadOnlyList<string> Open() => [.. Directory.EnumerateDirectories(_taking).Order(StringComparer.Ordinal)];

    /// <summary>Takes a file of the inbox; one that is gone meanwhile is none.</summary>
    internal void Take(string file)
    {
        var claim = Path.Combine(_taking, queue.NewKey());
        Directory.CreateDirectory(claim);
        Passed("prepared");
        try
        {
            // Overwriting is what makes it a rename; without, there are two names for a moment.
            File.Move(file, Path.Combine(claim, Path.GetFileName(file)), overwrite: true);
        }
        catch (FileNotFoundException)
        {
            Directory.Delete(claim);
            return;
        }
        foreach (var changed in (string[])[claim, _taking, folder])
            AtomicFile.FlushFolder(changed);
        Passed("claimed");
        Settle(claim);
    }

    /// <summary>Brings what was begun to its end.</summary>
    /// <exception cref="IOException">It cannot be just now, such as on a full disk; so with other failures of files.</exception>
    internal void Settle(string claim)
    {
        var key = Path.GetFileName(claim);
        if (Directory.EnumerateFiles(claim).FirstOrDefault() is { } file)
        {
            if (Queue(file, key, out var why) is { } job)
                Move(file, _taken, $".{job.Id}.json");
            else
                Refuse(file, key, why);
        }
        Passed("moved");
        Directory.Delete(claim);
        Passed("over");
    }

    // The run of a file; null where the file is refused.
    private Job? Queue(string file, string key, out string why)
    {
        why = "";
        try
        {
            var job = queue.Submitted(key) ?? submit(Read(file), key);
            Passed("queued");
            return job;
        }
        catch (Exception e) when (!MayPass(e))
        {
            why = e.Message;
            return null;
        }
    }

    private static string Read(string file)
    {
        try
        {
            return PlainFile.ReadText(file, Submission.MaxRecipeBytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new KdException(ServiceErrors.InboxFile, e.Message, null, e);
        }
    }

    // The disk's and the queue's trouble is none of the recipe's.
    private static bool MayPass(Exception error) =>
        error is IOException or UnauthorizedAccessException
        || error is KdException known
            && (known.Code == ServiceErrors.QueueUnavailable || known.Code == WeightErrors.WriteFailed);

    private void Refuse(string file, string key, string reason)
    {
        Log.InboxRefused(log, Path.GetFileName(file), reason);
        // The reason first: a file in refused/ whose reason is still to come looks as if there were none.
        File.WriteAllText(Path.Combine(_refused, Fit(file, $".{key}.txt")), reason + "\n");
        Passed("explained");
        Move(file, _refused, $".{key}.json");
    }

    private static void Move(string file, string to, string end) =>
        File.Move(file, Path.Combine(to, Fit(file, end)), overwrite: true);

    private static string Fit(string file, string end)
    {
        var stem = Path.GetFileNameWithoutExtension(file);
        while (Encoding.UTF8.GetByteCount(stem) + end.Length > MostNameBytes)
            stem = stem[..^(stem.Length > 1 && char.IsLowSurrogate(stem[^1]) ? 2 : 1)];
        return stem + end;
    }
}
