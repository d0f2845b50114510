using KdPlugins.Core;
using KdPlugins.Sdk;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MeterPlugin;

/// <summary>Sequences of four of five words, to be repeated; the last word of every other sequence does not count.</summary>
[KdDataset("words", Description = "Sequences of words, to be repeated.")]
public sealed class WordsPlugin : DatasetPlugin<NoOptions>, IDataset, IDataSource
{
    /// <inheritdoc/>
    public DataInfo Info { get; } =
        new(InputKind.Tokens, [-1], TargetKind.Tokens, 5, [], [], [], ["a", "b", "c", "d", "e"]);

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Splits => ["train", "test"];

    /// <inheritdoc/>
    public string Fingerprint => new('1', 64);

    /// <inheritdoc/>
    public long Count => 8;

    /// <inheritdoc/>
    public override IDataset Open(string baseFolder) => this;

    IDataSource IDataset.Open(string split) => this;

    /// <inheritdoc/>
    public Batch Read(ReadOnlyMemory<long> indices)
    {
        var all = indices.ToArray();
        var ids = tensor(
            all.SelectMany(i => Enumerable.Range(0, 4).Select(p => 1 + (i + p) % 4)).ToArray(),
            [all.Length, 4]
        );
        var mask = tensor(all.SelectMany(i => (bool[])[true, true, true, i % 2 == 0]).ToArray(), [all.Length, 4]);
        return new(ids, mask, new TokenTarget(ids.clone(), mask.clone()), tensor(all), null);
    }

    /// <summary>Nothing is open.</summary>
    public void Dispose() { }
}

/// <summary>Repeats its input, unless the size of its one parameter makes it say the first word.</summary>
[KdModel("echo", Description = "Repeats words.")]
public sealed class EchoModel : ModelPlugin<NoOptions>
{
    /// <inheritdoc/>
    public override INetwork Create(ModelRequest request) => new Net(request);

    private sealed class Net : nn.Module<Tensor, Tensor>, INetwork
    {
        private readonly Parameter offset = new(tensor(-4f));
        private readonly long _words;

        internal Net(ModelRequest request)
            : base("echo")
        {
            _words = request.Classes;
            Shape = new(request.InputShape, request.Classes, 0, []);
            RegisterComponents();
        }

        public nn.Module Module => this;

        public NetworkShape Shape { get; }

        public override Tensor forward(Tensor input)
        {
            var first = zeros([_words]).index_fill(0, tensor(0L), 1f);
            return nn.functional.one_hot(input, _words).to_type(ScalarType.Float32) + first * offset.abs() * 2;
        }

        public ModelOutput Forward(Tensor input, Tensor? mask, IReadOnlyCollection<string> taps) =>
            new(call(input), null, new Dictionary<string, Tensor>());
    }
}
