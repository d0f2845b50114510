using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Plugin._1;

/// <summary>The network. Fields are what is saved, under their names; the engine moves it and sets its mode.</summary>
internal sealed class KdClassNet : nn.Module<Tensor, Tensor>, INetwork
{
    private readonly Sequential stage1;
    private readonly Sequential stage2;
    private readonly Dropout dropout;
    private readonly Linear head;

    internal KdClassNet(IReadOnlyList<long> input, long classes, KdClassOptions options)
        : base(nameof(KdClassNet))
    {
        var (narrow, wide) = ((long)options.Width, 2L * options.Width);
        stage1 = Stage(input[0], narrow);
        stage2 = Stage(narrow, wide);
        dropout = nn.Dropout(options.Dropout);
        head = nn.Linear(wide, classes);
        RegisterComponents();
        // Losses ask for taps by these names; the shapes are without the batch dimension.
        Shape = new(
            input,
            classes,
            wide,
            [
                new("stage1", [narrow, input[1] / 2, input[2] / 2], isPreActivation: false),
                new("stage2", [wide, input[1] / 4, input[2] / 4], isPreActivation: false),
            ]
        );
    }

    /// <inheritdoc/>
    public nn.Module Module => this;

    /// <inheritdoc/>
    public NetworkShape Shape { get; }

    /// <inheritdoc/>
    public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps)
    {
        var first = stage1.call(input); // [batch, width, height / 2, width / 2]
        var second = stage2.call(first);
        // By Traced, which 'kd export' sees as it does modules that are called.
        var embedding = Traced.Mean(second, [2, 3]); // [batch, 2 width]
        var logits = head.call(dropout.call(embedding));
        return new(logits, embedding, new Dictionary<string, Tensor> { ["stage1"] = first, ["stage2"] = second });
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input) => Forward(input, null!, []).Logits;

    private static Sequential Stage(long from, long to) =>
        nn.Sequential(
            ("conv", nn.Conv2d(from, to, 3, padding: 1, bias: false)),
            ("norm", nn.BatchNorm2d(to)),
            ("relu", nn.ReLU()),
            ("pool", nn.MaxPool2d(2))
        );
}
