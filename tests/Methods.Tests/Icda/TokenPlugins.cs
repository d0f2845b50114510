using KdPlugins.Core;
using KdPlugins.Sdk;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Icda.Tests;

/// <summary>Sentences of eight tokens; the class is the token that occurs most.</summary>
[KdDataset("test-sentences")]
public sealed class SentencesPlugin : DatasetPlugin<NoOptions>
{
    public override IDataset Open(string baseFolder) => new Sentences();
}

internal sealed class Sentences : IDataset, IDataSource
{
    internal const int Words = 12;
    internal const int Classes = 3;
    private const int Length = 8;

    public DataInfo Info { get; } =
        new(
            InputKind.Tokens,
            [-1],
            TargetKind.ClassIndex,
            Classes,
            [],
            [],
            [],
            [.. Enumerable.Range(0, Words).Select(i => $"w{i}")]
        );

    public IReadOnlyCollection<string> Splits => ["train", "test"];

    public long Count => 48;

    public string Fingerprint => new('0', 64);

    public IDataSource Open(string split) => this;

    public Batch Read(ReadOnlyMemory<long> indices)
    {
        var numbers = indices.ToArray();
        var labels = numbers.Select(n => n % Classes).ToArray();
        var ids = new long[numbers.Length, Length];
        for (var i = 0; i < numbers.Length; i++)
        for (var j = 0; j < Length; j++)
            ids[i, j] = j % 2 == 0 ? labels[i] + 1 : 1 + (numbers[i] * 7 + j) % (Words - 1);
        var mask = ones(numbers.Length, Length, ScalarType.Bool);
        return new(tensor(ids), mask, new ClassIndexTarget(tensor(labels)), tensor(numbers), null);
    }

    public void Dispose() { }
}

public sealed record WordDropoutOptions
{
    /// <summary>The word that takes another one's place.</summary>
    public int Filler { get; init; }

    /// <summary>Fixes what is drawn, whoever asks, for comparing pipelines; 0 for the step's own stream.</summary>
    public int Seed { get; init; }
}

/// <summary>Replaces a third of the words: an augmentation of text.</summary>
[KdAugmentation("test-word-dropout")]
public sealed class WordDropout : Augmentation<WordDropoutOptions>
{
    public override Batch Apply(Batch batch, IPartContext context)
    {
        var key = Options.Seed == 0 ? context.Random : new RandomKey((ulong)Options.Seed).Derive(context.Progress.Step);
        using var generator = key.NewGenerator(CPU);
        var dropped = rand(batch.Input.shape, generator: generator).lt(0.33);
        return batch
            .WithInput(batch.Input.masked_fill(dropped, Options.Filler))
            .WithParameter("test-word-dropout.dropped", dropped);
    }
}

/// <summary>The mean of word vectors and a linear layer.</summary>
[KdModel("test-bag")]
public sealed class BagModel : ModelPlugin<NoOptions>
{
    public override INetwork Create(ModelRequest request) => new BagNetwork(request);
}

internal sealed class BagNetwork : nn.Module<Tensor, Tensor>, INetwork
{
    private readonly Embedding words;
    private readonly Linear fc;

    internal BagNetwork(ModelRequest request)
        : base(nameof(BagNetwork))
    {
        words = nn.Embedding(Sentences.Words, 6);
        fc = nn.Linear(6, request.Classes);
        RegisterComponents();
        Shape = new(request.InputShape, request.Classes, 6, []);
    }

    public nn.Module Module => this;

    public NetworkShape Shape { get; }

    public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps)
    {
        var counted = mask.to(ScalarType.Float32).unsqueeze(2);
        var pooled = words.call(input).mul(counted).sum(1).div(counted.sum(1));
        return new(fc.call(pooled), pooled, new Dictionary<string, Tensor>());
    }

    public override Tensor forward(Tensor input) => throw new NotSupportedException();
}
