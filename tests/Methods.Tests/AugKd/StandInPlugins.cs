using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Sdk;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.AugKd.Tests;

/// <summary>Shapes that can be locked: whoever reads them then fails.</summary>
[KdDataset("guarded-shapes")]
public sealed class GuardedShapes : DatasetPlugin<ShapesOptions>
{
    /// <summary>Whether reading fails; and how many samples were read.</summary>
    [ThreadStatic]
    private static Gate? _gate;

    public static Gate Current
    {
        get => _gate ??= new();
        set => _gate = value;
    }

    public override IDataset Open(string baseFolder)
    {
        IPlugin shapes = new ShapesPlugin();
        shapes.Configure(Options);
        return new Guarded(((ShapesPlugin)shapes).Open(baseFolder), Current);
    }

    public sealed class Gate
    {
        private long _reads;

        public volatile bool Locked;

        public long Reads => Interlocked.Read(ref _reads);

        public void Pass(int samples)
        {
            if (Locked)
                throw new InvalidOperationException("The teacher's training data are locked.");
            Interlocked.Add(ref _reads, samples);
        }
    }

    private sealed class Guarded(IDataset inner, Gate gate) : IDataset
    {
        public DataInfo Info => inner.Info;
        public IReadOnlyCollection<string> Splits => inner.Splits;
        public string Fingerprint => inner.Fingerprint;

        public IDataSource Open(string split) => new Source(inner.Open(split), gate);

        public void Dispose() => inner.Dispose();
    }

    private sealed class Source(IDataSource inner, Gate gate) : IDataSource
    {
        public long Count => inner.Count;

        public Batch Read(ReadOnlyMemory<long> indices)
        {
            gate.Pass(indices.Length);
            return inner.Read(indices);
        }
    }
}

/// <summary>Another generator with a latent vector: one linear layer.</summary>
[KdGenerator("linear-generator")]
public sealed class LinearGenerator : Generator<NoOptions>, ILatentGenerator
{
    private Linear? _linear;
    private long[] _shape = [];

    public long Latent => 3;

    public override nn.Module? Module => _linear;

    public override void Bind(GeneratorBinding binding)
    {
        _shape = [.. binding.Data.InputShape];
        _linear = nn.Linear(Latent, _shape.Aggregate(1L, (a, b) => a * b));
    }

    public Tensor Decode(Tensor latent) => _linear!.call(latent).sigmoid().view([latent.shape[0], .. _shape]);

    public override Batch Sample(long count, Tensor? labels, IPartContext context) =>
        new(Decode(zeros(count, Latent)), new NoTarget(count), full([count], -1L, ScalarType.Int64));
}

/// <summary>A generator without a latent vector.</summary>
[KdGenerator("latentless")]
public sealed class LatentlessGenerator : Generator<NoOptions>
{
    public override void Bind(GeneratorBinding binding) { }

    public override Batch Sample(long count, Tensor? labels, IPartContext context) => throw new NotSupportedException();
}

public sealed record PlainOptions
{
    public int Classes { get; init; } = 4;
}

/// <summary>A linear classifier without batch norms, of as many classes as it likes.</summary>
[KdModel("plain")]
public sealed class PlainModel : ModelPlugin<PlainOptions>
{
    public override INetwork Create(ModelRequest request) => new Plain(request, Options.Classes);

    private sealed class Plain : nn.Module<Tensor, Tensor>, INetwork
    {
        private readonly Linear fc;

        public Plain(ModelRequest request, long classes)
            : base(nameof(Plain))
        {
            fc = nn.Linear(request.InputShape.Aggregate(1L, (a, b) => a * b), classes);
            RegisterComponents();
            Shape = new(request.InputShape, classes, 0, []);
        }

        public nn.Module Module => this;

        public NetworkShape Shape { get; }

        public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps) =>
            new(call(input), null!, new Dictionary<string, Tensor>());

        public override Tensor forward(Tensor input) => fc.call(input.contiguous().flatten(1));
    }
}
