using KdPlugins.Core;
using KdPlugins.Sdk;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MeterPlugin;

/// <summary>Two boxes a sample, the image being their corners: a large one of class 0, a small one of class 1.</summary>
[KdDataset("boxes", Description = "Two boxes a sample.")]
public sealed class BoxesPlugin : DatasetPlugin<NoOptions>, IDataset, IDataSource
{
    /// <inheritdoc/>
    public DataInfo Info { get; } =
        new(InputKind.Image, [1, 2, 5], TargetKind.Boxes, 2, ["large", "small"], [], [], []);

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Splits => ["train", "test"];

    /// <inheritdoc/>
    public string Fingerprint => new('0', 64);

    /// <inheritdoc/>
    public long Count => 8;

    /// <inheritdoc/>
    public override IDataset Open(string baseFolder) => this;

    IDataSource IDataset.Open(string split) => this;

    /// <inheritdoc/>
    public Batch Read(ReadOnlyMemory<long> indices)
    {
        var each = indices.ToArray().Select(i => tensor(Corners(i), [2, 5])).ToArray();
        var input = (stack(each) / 100).unsqueeze(1);
        var target = new BoxTarget(
            [.. each.Select(rows => rows[TensorIndex.Colon, TensorIndex.Slice(0, 4)].clone())],
            [.. each.Select(rows => rows[TensorIndex.Colon, 4].to_type(ScalarType.Int64))]
        );
        return new(input, target, tensor(indices.ToArray()));
    }

    private static float[] Corners(long i) => [i, 10, i + 20, 30, 0, 60 + i, 10, 64 + i, 14, 1];

    /// <summary>Nothing is open.</summary>
    public void Dispose() { }
}

/// <summary>Sees the boxes of its input, all moved to the right by its one parameter, and a false one of class 0.</summary>
[KdModel("aim", Description = "Boxes, moved by one parameter.")]
public sealed class AimModel : ModelPlugin<NoOptions>
{
    /// <inheritdoc/>
    public override INetwork Create(ModelRequest request) => new Net(request);

    private sealed class Net : nn.Module<Tensor, Tensor>, INetwork
    {
        private readonly Parameter offset = new(tensor(-4f));

        internal Net(ModelRequest request)
            : base("aim")
        {
            Shape = new(request.InputShape, request.Classes, 0, []);
            RegisterComponents();
        }

        public nn.Module Module => this;

        public NetworkShape Shape { get; }

        // [B, 3, 6]: corners, class, score.
        public override Tensor forward(Tensor input)
        {
            var seen = input.squeeze(1) * 100;
            var boxes =
                seen[TensorIndex.Ellipsis, TensorIndex.Slice(0, 4)] + stack([offset, zeros([]), offset, zeros([])]);
            var count = boxes.shape[0];
            var told = cat([boxes, seen[TensorIndex.Ellipsis, TensorIndex.Slice(4)], full([count, 2, 1], 0.9f)], 2);
            return cat([told, tensor(new[] { 80f, 80f, 90f, 90f, 0f, 0.95f }).expand(count, 1, 6)], 1);
        }

        public ModelOutput Forward(Tensor input, Tensor? mask, IReadOnlyCollection<string> taps) =>
            new(call(input), null, new Dictionary<string, Tensor>());
    }
}
