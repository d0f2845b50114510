using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Authors.Tests.Faults;

// Data sets with one mistake each that an author makes; the first has none.

public abstract class SmallData : DatasetPlugin<NoOptions>, IDataset, IDataSource
{
    public virtual DataInfo Info => new(InputKind.Image, [1, 4, 4], TargetKind.ClassIndex, 3, [], [0.5], [0.29], []);

    public IReadOnlyCollection<string> Splits => ["train"];

    public virtual string Fingerprint => new('a', 64);

    public virtual long Count => 40;

    public override IDataset Open(string baseFolder) => this;

    public virtual IDataSource Open2(string split) =>
        split == "train" ? this : throw new KdException(DataErrors.SplitMissing, $"There is no split '{split}'.");

    IDataSource IDataset.Open(string split) => Open2(split);

    public virtual Batch Read(ReadOnlyMemory<long> indices) => Good(indices);

    protected static Batch Good(ReadOnlyMemory<long> indices)
    {
        var numbers = indices.ToArray();
        var pixels = numbers.SelectMany(n =>
        {
            var random = new SeededRandom(new RandomKey(5).Derive(n).Value);
            return Enumerable.Range(0, 16).Select(_ => random.NextSingle()).ToArray();
        });
        return new(
            tensor(pixels.ToArray()).view(numbers.Length, 1, 4, 4),
            new ClassIndexTarget(tensor(numbers.Select(n => n % 3).ToArray())),
            tensor(numbers)
        );
    }

    protected static Tensor Labels(Batch batch) => ((ClassIndexTarget)batch.Target).Labels;

    public void Dispose() => GC.SuppressFinalize(this);
}

[KdDataset("good-data")]
public sealed class GoodData : SmallData;

[KdDataset("bright-data")]
public sealed class BrightData : SmallData
{
    public override Batch Read(ReadOnlyMemory<long> indices) => Good(indices).WithInput(Good(indices).Input * 255);
}

[KdDataset("half-data")]
public sealed class HalfData : SmallData
{
    public override Batch Read(ReadOnlyMemory<long> indices) => Good(indices[..((indices.Length + 1) / 2)]);
}

[KdDataset("misnumbered-data")]
public sealed class MisnumberedData : SmallData
{
    public override Batch Read(ReadOnlyMemory<long> indices)
    {
        var batch = Good(indices);
        return new(batch.Input, batch.Target, arange(batch.Count, ScalarType.Int64));
    }
}

[KdDataset("mislabelled-data")]
public sealed class MislabelledData : SmallData
{
    public override Batch Read(ReadOnlyMemory<long> indices)
    {
        var batch = Good(indices);
        return batch.WithTarget(new ClassIndexTarget(Labels(batch) + 1));
    }
}

[KdDataset("double-data")]
public sealed class DoubleData : SmallData
{
    public override Batch Read(ReadOnlyMemory<long> indices) =>
        Good(indices).WithInput(Good(indices).Input.to(ScalarType.Float64));
}

[KdDataset("misshapen-data")]
public sealed class MisshapenData : SmallData
{
    public override Batch Read(ReadOnlyMemory<long> indices) => Good(indices).WithInput(Good(indices).Input.squeeze(1));
}

[KdDataset("unlabelled-data")]
public sealed class UnlabelledData : SmallData
{
    public override Batch Read(ReadOnlyMemory<long> indices) => Good(indices).WithTarget(new NoTarget(indices.Length));
}

[KdDataset("infinite-data")]
public sealed class InfiniteData : SmallData
{
    public override Batch Read(ReadOnlyMemory<long> indices) => Good(indices).WithInput(Good(indices).Input / 0);
}

[KdDataset("nameless-data")]
public sealed class NamelessData : SmallData
{
    public override string Fingerprint => "";
}

[KdDataset("restless-data")]
public sealed class RestlessData : SmallData
{
    private static int _opened;

    public override string Fingerprint { get; } = $"{Interlocked.Increment(ref _opened):x64}";
}

[KdDataset("empty-data")]
public sealed class EmptyData : SmallData
{
    public override long Count => 0;
}

[KdDataset("any-split-data")]
public sealed class AnySplitData : SmallData
{
    public override IDataSource Open2(string split) => this;
}

[KdDataset("wandering-data")]
public sealed class WanderingData : SmallData
{
    private int _calls;

    public override Batch Read(ReadOnlyMemory<long> indices) =>
        Good(indices).WithInput(Good(indices).Input * (1 - 0.01 * (++_calls % 7)));
}

/// <summary>A sample depends on those that are read with it.</summary>
[KdDataset("sociable-data")]
public sealed class SociableData : SmallData
{
    public override Batch Read(ReadOnlyMemory<long> indices) =>
        Good(indices).WithInput(Good(indices).Input * (1.0 / (1 + indices.Length)));
}

/// <summary>One buffer for all readers.</summary>
[KdDataset("shared-buffer-data")]
public sealed class SharedBufferData : SmallData
{
    private long[] _numbers = [];

    public override Batch Read(ReadOnlyMemory<long> indices)
    {
        _numbers = [.. indices.ToArray(), Environment.CurrentManagedThreadId];
        Thread.Sleep(1);
        var batch = Good(indices);
        return _numbers[^1] == Environment.CurrentManagedThreadId ? batch : batch.WithInput(batch.Input * 0);
    }
}

#pragma warning disable KDA0011
[KdDataset("rand-data")]
public sealed class RandData : SmallData
{
    public override Batch Read(ReadOnlyMemory<long> indices) => Good(indices).WithInput(rand(indices.Length, 1, 4, 4));
}
#pragma warning restore KDA0011

[KdDataset("byte-mean-data")]
public sealed class ByteMeanData : SmallData
{
    public override DataInfo Info => new(InputKind.Image, [1, 4, 4], TargetKind.ClassIndex, 3, [], [127.5], [73], []);
}

[KdDataset("wrong-mean-data")]
public sealed class WrongMeanData : SmallData
{
    public override DataInfo Info => new(InputKind.Image, [1, 4, 4], TargetKind.ClassIndex, 3, [], [0.2], [0.29], []);
}

[KdDataset("few-names-data")]
public sealed class FewNamesData : SmallData
{
    public override DataInfo Info =>
        new(InputKind.Image, [1, 4, 4], TargetKind.ClassIndex, 3, ["a", "b"], [0.5], [0.29], []);
}
