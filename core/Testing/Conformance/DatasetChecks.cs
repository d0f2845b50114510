using System.Text.RegularExpressions;
using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

internal sealed class DatasetChecks<T>(DatasetSettings settings)
    : PartChecks<T, IDatasetPlugin>(PluginKind.Dataset, settings)
    where T : class, IDatasetPlugin, new()
{
    protected override IEnumerable<ConformanceCheck> Own() =>
        [
            Check("info", () => WithSplits((data, _, _) => DatasetInfoCheck.Verify(data))),
            Check("fingerprint", Fingerprint),
            Check("unknown split", UnknownSplit),
            Check("batches", () => WithSplits((data, name, source) => Batches(data.Info, name, source))),
            Check("determinism", () => WithSplits(Determinism)),
            Check("threads", () => WithSplits((_, name, source) => Threads(name, source))),
            Check("global generator", () => WithSplits((_, _, s) => KeepsGlobalGenerator(() => s.Read(Some(s))))),
            Check("statistics", Statistics),
            Check("memory", () => WithSplits((_, _, source) => KeepsMemory(_ => source.Read(Some(source))))),
        ];

    private IDataset Opened() => New().Open(Path.GetFullPath(settings.Folder.Length == 0 ? "." : settings.Folder));

    private long[] Some(IDataSource source) => SampleNumbers.Spread(source.Count, Math.Max(2, settings.Samples));

    private void WithSplits(Action<IDataset, string, IDataSource> action)
    {
        using var data = Opened();
        if (!data.Splits.Contains("train"))
            throw Fail(
                $"it has no split 'train', which recipes read; it has: {string.Join(", ", data.Splits.DefaultIfEmpty("none"))}."
            );
        foreach (var name in data.Splits)
        {
            var source = data.Open(name);
            if (source.Count < 1)
                throw Fail(
                    $"its split '{name}' has {source.Count} samples. Where nothing is found, Open has to raise a KdException that says "
                        + "where it looked."
                );
            action(data, name, source);
        }
    }

    private void Fingerprint()
    {
        using var data = Opened();
        using var again = Opened();
        if (!Regex.IsMatch(data.Fingerprint ?? "", "^[0-9a-f]{64}$"))
            throw Fail(
                $"its Fingerprint is '{data.Fingerprint}', not a SHA-256 in lower-case hexadecimal: checkpoints and reports would not "
                    + "notice that the data have changed."
            );
        if (data.Fingerprint != again.Fingerprint)
            throw Fail(
                "opened twice, it has two fingerprints: every resume would be refused. Hash what samples are made from."
            );
    }

    private void UnknownSplit()
    {
        using var data = Opened();
        try
        {
            data.Open("no-such-split");
        }
        catch (KdException)
        {
            return;
        }
        catch (Exception e)
        {
            throw new ConformanceException(
                $"an unknown split ends in {e.GetType().Name}; a KdException that names the splits is expected.",
                e
            );
        }
        throw Fail("it opens a split that it does not name in Splits.");
    }

    private void Batches(DataInfo info, string name, IDataSource source)
    {
        var all = Some(source);
        foreach (var numbers in (long[][])[all, [.. all.Reverse().Take(3)], [source.Count - 1]])
            if (BatchCheck.Problem(info, source, numbers) is { } problem)
                throw Fail($"split '{name}': {problem}");
    }

    // The same bits again, in another order, one by one, and from another instance.
    private void Determinism(IDataset data, string name, IDataSource source)
    {
        var numbers = Some(source);
        var whole = source.Read(numbers);
        void Same(Batch other, Batch expected, string how)
        {
            if (Tensors.Differing(other, expected) is { } what)
                throw Fail(
                    $"split '{name}': {how} gives another {what}. Read has to be a function of the numbers alone; what is drawn follows "
                        + "from a RandomKey of the options' seed and the sample's number."
                );
        }
        Same(source.Read(numbers), whole, "reading the same samples again");
        long[] backwards = [.. numbers.Reverse()];
        var rows = arange(numbers.Length - 1, -1, -1, ScalarType.Int64);
        if (whole.Target is not BoxTarget)
            Same(source.Read(backwards).Select(rows), whole, "reading them in another order");
        Same(
            WithoutFill(source.Read(numbers.AsMemory(0, 1))),
            WithoutFill(source.Read(numbers).Select(zeros(1, ScalarType.Int64))),
            "reading one alone"
        );
        using var again = Opened();
        Same(again.Open(name).Read(numbers), whole, "opening it another time");
    }

    // Texts are filled up to the longest of their batch; alone, one is as long as it is.
    private static Batch WithoutFill(Batch batch)
    {
        if (batch.Mask is not { } mask || batch.Input.dim() != 2)
            return batch;
        var length = Math.Max(1, mask.any(0).nonzero().NumberOfElements);
        Tensor Cut(Tensor values) => values.narrow(1, 0, Math.Min(length, values.shape[1]));
        var target = batch.Target is TokenTarget t ? new TokenTarget(Cut(t.Ids), Cut(t.Mask)) : batch.Target;
        return new(Cut(batch.Input), Cut(mask), target, batch.Indices, batch.Parameters);
    }

    private void Threads(string name, IDataSource source)
    {
        var numbers = Some(source);
        var alone = source.Read(numbers);
        var found = new string?[4];
        void Read(int thread)
        {
            using var scope = NewDisposeScope();
            try
            {
                for (var i = 0; i < 8; i++)
                    found[thread] ??= Tensors.Differing(source.Read(numbers), alone);
            }
            catch (Exception e)
            {
                found[thread] = $"{e.GetType().Name} ({e.Message})";
            }
        }
        var threads = Enumerable.Range(0, found.Length).Select(t => new Thread(() => Read(t))).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());
        if (Array.Find(found, f => f is not null) is { } problem)
            throw Fail(
                $"split '{name}': read from several threads at once it gives another {problem}. The engine reads ahead on other threads: "
                    + "keep no buffer, stream or position in fields, or lock around it."
            );
    }

    private string Statistics()
    {
        const double Tolerance = 0.05;
        using var data = Opened();
        var info = data.Info;
        if (info.Kind != InputKind.Image || !data.Splits.Contains("train"))
            return "it has no images to measure.";
        var measured = ChannelStatistics.Of(data.Open("train"), 512);
        if (info.Mean.Count == 0)
            return $"it says no Mean and Std; measured: {measured}.";
        if (
            info.Mean.Count != measured.Mean.Count
            || info.Mean.Zip(measured.Mean).Any(p => !(Math.Abs(p.First - p.Second) <= Tolerance))
            || info.Std.Zip(measured.Std).Any(p => !(Math.Abs(p.First - p.Second) <= Tolerance))
        )
            throw Fail(
                $"it says {new ChannelStatistics(info.Mean, info.Std)} for mean and deviation per channel of values in [0, 1], and its "
                    + $"images have {measured}: 'normalise' would use the former."
            );
        return "";
    }
}
