using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Students;

/// <summary>Images of a batch: those that could be read, and why the others could not.</summary>
/// <param name="Paths">All of them, in order.</param>
/// <param name="Planes">[readable, channels, height, width].</param>
/// <param name="Problems">By place; empty texts for those that could be read.</param>
internal sealed record ImageBatch(IReadOnlyList<string> Paths, byte[] Planes, IReadOnlyList<string> Problems);

/// <summary>Reads images in batches, the next one while the caller works on the last.</summary>
/// <param name="card">What the student takes.</param>
/// <param name="size">Images of a batch.</param>
/// <param name="threads">Images that are read at once.</param>
internal sealed class ImageBatches(StudentCard card, int size, int threads)
{
    private const long MostPixels = 100_000_000;

    private readonly ImageReader _reader = new(card, MostPixels);

    /// <summary>The batches, in the order of the files.</summary>
    internal IEnumerable<ImageBatch> Read(IReadOnlyList<string> paths)
    {
        var chunks = paths.Chunk(size).ToList();
        Task<ImageBatch> Begin(int i) => Task.Run(() => Read(chunks[i]));
        var next = chunks.Count > 0 ? Begin(0) : null;
        for (var i = 0; i < chunks.Count; i++)
        {
            var batch = next!.GetAwaiter().GetResult();
            next = i + 1 < chunks.Count ? Begin(i + 1) : null;
            yield return batch;
        }
    }

    private ImageBatch Read(string[] paths)
    {
        var planes = new byte[paths.Length * card.Values];
        var problems = new string[paths.Length];
        Parallel.For(
            0,
            paths.Length,
            new() { MaxDegreeOfParallelism = threads },
            i => problems[i] = Read(paths[i], planes.AsSpan(i * card.Values, card.Values))
        );
        // Those that could be read move together.
        var kept = 0;
        for (var i = 0; i < paths.Length; i++)
            if (problems[i].Length == 0)
                planes.AsSpan(i * card.Values, card.Values).CopyTo(planes.AsSpan(kept++ * card.Values));
        return new(paths, planes, problems);
    }

    private string Read(string path, Span<byte> planes)
    {
        try
        {
            using var stream = PlainFile.Open(path);
            _reader.Read(stream, $"'{path}'", planes);
            return "";
        }
        catch (StudentException e)
        {
            return e.Message;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"'{path}' cannot be read: {e.Message}";
        }
    }
}
