using System.Runtime.ExceptionServices;
using KdPlugins.Torch.Weights;
using Xunit;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>What came of many hostile files.</summary>
internal sealed record FuzzResult(int Accepted, IReadOnlyDictionary<string, int> Refused, double WorstRatio);

/// <summary>
/// Feeds files to a reader and holds it to the one rule: a valid result or a typed failure, within bounded memory, and it
/// comes back.
/// </summary>
internal static class Fuzz
{
    /// <summary>Cases per reader and run.</summary>
    public const int Cases = 100_000;

    /// <summary>What a read may allocate: this, and <see cref="Ratio"/> times the file.</summary>
    private const int Free = 32 << 10;
    private const int Ratio = 16;
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(60);

    public static FuzzResult Run(int seed, int count, Func<Random, byte[]> make, Action<byte[]> read)
    {
        var random = new Random(seed);
        return Run(Enumerable.Range(0, count).Select(_ => make(random)), read, $"seed {seed}");
    }

    public static FuzzResult Run(IEnumerable<byte[]> files, Action<byte[]> read, string what)
    {
        int accepted = 0;
        int done = 0;
        double worst = 0;
        var refused = new Dictionary<string, int>();
        Exception? failure = null;
        byte[] current = [];
        var worker = new Thread(() =>
        {
            try
            {
                foreach (byte[] file in files)
                {
                    current = file;
                    One(file);
                    Volatile.Write(ref done, done + 1);
                }
            }
            catch (Exception e)
            {
                failure = new InvalidOperationException(
                    $"{what}, case {done}, file {Convert.ToBase64String(current.AsSpan(0, Math.Min(current.Length, 4000)))}",
                    e
                );
            }
        });
        void One(byte[] file)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                read(file);
                accepted++;
            }
            catch (KdException e)
            {
                Assert.StartsWith("KDP05", e.Code.Id);
                Assert.True(e.Message.Length < 2000);
                refused[e.Code.Id] = refused.GetValueOrDefault(e.Code.Id) + 1;
            }
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            worst = Math.Max(worst, (double)(allocated - Free) / Math.Max(1, file.Length));
            Assert.True(
                allocated <= Free + (long)Ratio * file.Length,
                $"{allocated} bytes allocated for a file of {file.Length}"
            );
        }
        worker.Start();
        Watch(worker, () => Volatile.Read(ref done), what);
        if (failure is not null)
        {
            ExceptionDispatchInfo.Throw(failure);
        }
        return new FuzzResult(accepted, refused, worst);
    }

    /// <summary>Everything that a reader of the file would do.</summary>
    public static void ReadAll(IWeightSource source)
    {
        using (source)
        {
            _ = (source as PyTorchFile)?.Values.Count;
            foreach (WeightEntry entry in source.Entries.Values)
            {
                Assert.Equal(entry.ByteLength, source.Bytes(entry.Name).Length);
                if (entry.ByteLength > 0)
                {
                    int size = Math.Max(1, entry.DType.BitSize() / 8);
                    source.CopyTo(entry.Name, entry.ByteLength - size, new byte[size]);
                }
            }
        }
    }

    private static void Watch(Thread worker, Func<int> progress, string what)
    {
        int last = -1;
        while (!worker.Join(Hang))
        {
            int now = progress();
            Assert.True(now != last, $"{what}, case {now} does not come back");
            last = now;
        }
    }
}
