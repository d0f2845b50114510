using System.Collections.Concurrent;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Students;

/// <summary>Images of a batch: what a student answered to those that could be read, and why the others could not.</summary>
/// <param name="Paths">All of them, in order.</param>
/// <param name="Problems">By place; empty texts for those that could be read.</param>
/// <param name="Logits">[readable, classes].</param>
internal sealed record AnsweredBatch(IReadOnlyList<string> Paths, IReadOnlyList<string> Problems, float[] Logits);

/// <summary>Reads and answers several batches at once, each on a thread of its own, and gives them in the order of the files.</summary>
/// <param name="student">Answers.</param>
/// <param name="card">How images are brought to its size.</param>
/// <param name="size">Images of a batch.</param>
/// <param name="workers">Batches that are answered at once.</param>
internal sealed class BatchPredictor(IClassifier student, StudentCard card, int size, int workers)
{
    private const long MostPixels = 100_000_000;

    // Batches per worker: while one is answered, another is read.
    private const int Reading = 2;

    private readonly SemaphoreSlim _answering = new(workers);
    private readonly ImageReader _reader = new(card, MostPixels);

    /// <summary>How many batches are worked on at once, and with how many threads each answers.</summary>
    /// <param name="images">How many there are.</param>
    /// <param name="size">Images of a batch.</param>
    /// <param name="threads">Threads that there may be in all.</param>
    internal static (int Workers, int ThreadsEach) Share(int images, int size, int threads)
    {
        var workers = Math.Min(threads, (images + size - 1) / size);
        return (workers, threads / workers);
    }

    /// <summary>The batches, in the order of the files.</summary>
    /// <exception cref="AggregateException">What the student throws.</exception>
    internal IEnumerable<AnsweredBatch> Answer(IReadOnlyList<string> paths) =>
        // Whoever is done takes the next batch, and what is answered waits for its turn as logits alone.
        Partitioner
            .Create(paths.Chunk(size), EnumerablePartitionerOptions.NoBuffering)
            .AsParallel()
            .AsOrdered()
            .WithDegreeOfParallelism(workers * Reading)
            .WithMergeOptions(ParallelMergeOptions.NotBuffered)
            .Select(Answer);

    private AnsweredBatch Answer(string[] paths)
    {
        // Those that could be read lie together.
        var (planes, readable) = (new byte[paths.Length * card.Values], 0);
        var problems = new string[paths.Length];
        for (var i = 0; i < paths.Length; i++)
        {
            problems[i] = Read(paths[i], planes.AsSpan(readable * card.Values, card.Values));
            if (problems[i].Length == 0)
                readable++;
        }
        if (readable == 0)
            return new(paths, problems, []);
        _answering.Wait();
        try
        {
            return new(paths, problems, student.Answer(planes, readable));
        }
        finally
        {
            _answering.Release();
        }
    }

    private string Read(string path, Span<byte> planes)
    {
        try
        {
            using var stream = PlainFile.Open(path, bufferSize: 0);
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
