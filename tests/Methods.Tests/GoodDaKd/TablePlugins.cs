using System.Collections.Concurrent;
using KdPlugins.Core;
using KdPlugins.Sdk;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.GoodDaKd.Tests;

public sealed record ConstantOptions
{
    public int Count { get; init; } = 15;

    /// <summary>Whether samples have no target.</summary>
    public bool Unlabelled { get; init; }
}

/// <summary>Images of zeros of class 0 of two.</summary>
[KdDataset("constant")]
public sealed class ConstantDataset : DatasetPlugin<ConstantOptions>
{
    public override IDataset Open(string baseFolder) => new Opened(Options);

    private sealed class Opened(ConstantOptions options) : IDataset, IDataSource
    {
        public DataInfo Info { get; } =
            new(
                InputKind.Image,
                [1, 4, 4],
                options.Unlabelled ? TargetKind.None : TargetKind.ClassIndex,
                2,
                [],
                [],
                [],
                []
            );

        public IReadOnlyCollection<string> Splits => ["train"];

        public string Fingerprint => "0";

        public long Count => options.Count;

        public IDataSource Open(string split) => this;

        public Batch Read(ReadOnlyMemory<long> indices)
        {
            var count = indices.Length;
            Target target = options.Unlabelled
                ? new NoTarget(count)
                : new ClassIndexTarget(zeros(count, ScalarType.Int64));
            return new(zeros(count, 1, 4, 4), target, tensor(indices.ToArray()));
        }

        public void Dispose() { }
    }
}

public sealed record MarkOptions
{
    public double By { get; init; } = 1;
}

/// <summary>Adds a number to every pixel.</summary>
[KdAugmentation("mark")]
public sealed class MarkAugmentation : Augmentation<MarkOptions>
{
    public override Batch Apply(Batch batch, IPartContext context) => batch.WithInput(batch.Input + Options.By);
}

public sealed record TableOptions
{
    /// <summary>The logits for images of zeros.</summary>
    public IReadOnlyList<double> AtZero { get; init; } = [0, 0];

    /// <summary>The logits for marked images.</summary>
    public IReadOnlyList<double> AtOne { get; init; } = [0, 0];

    /// <summary>Under which name it counts what it is asked; empty for nowhere.</summary>
    public string Counts { get; init; } = "";
}

/// <summary>Answers by a table of two rows; counts the rows of each call.</summary>
[KdModel("table")]
public sealed class TableModel : ModelPlugin<TableOptions>
{
    public static ConcurrentDictionary<string, List<long>> Calls { get; } = new();

    public override INetwork Create(ModelRequest request) => new Network(Options, request);

    private sealed class Network : nn.Module<Tensor, Tensor>, INetwork
    {
        private readonly TableOptions _options;
        private readonly Parameter shift = new(zeros(2));

        public Network(TableOptions options, ModelRequest request)
            : base("table")
        {
            _options = options;
            Shape = new(request.InputShape, 2, 2, [new Tap("twice", [2], true)]);
            RegisterComponents();
        }

        public nn.Module Module => this;

        public NetworkShape Shape { get; }

        public override Tensor forward(Tensor input) => Forward(input, null, []).Logits;

        public ModelOutput Forward(Tensor input, Tensor? mask, IReadOnlyCollection<string> taps)
        {
            if (_options.Counts.Length > 0)
                Calls.GetOrAdd(_options.Counts, _ => []).Add(input.shape[0]);
            using var table = NewDisposeScope();
            var marked = input.mean([1, 2, 3]).unsqueeze(1);
            var (zero, one) = (Row(_options.AtZero), Row(_options.AtOne));
            var logits = (zero + marked * (one - zero) + shift).MoveToOuterDisposeScope();
            return new(
                logits,
                (logits * 3).MoveToOuterDisposeScope(),
                new Dictionary<string, Tensor> { ["twice"] = (logits * 2).MoveToOuterDisposeScope() }
            );
        }

        private static Tensor Row(IReadOnlyList<double> values) => tensor([.. values], ScalarType.Float32);
    }
}
