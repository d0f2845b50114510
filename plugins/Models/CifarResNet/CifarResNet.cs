using System.Collections.Immutable;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>
/// A CIFAR ResNet with the parameter names, the order and the initialisation of the RepDistiller and mdistiller code
/// bases, so that their checkpoints fit: <c>conv1 bn1 layer{1..3}.{i}.(conv1 bn1 conv2 bn2 downsample.{0,1}) fc</c>.
/// </summary>
public sealed class CifarResNet : nn.Module<Tensor, Tensor>
{
    internal readonly Conv2d conv1;
    internal readonly BatchNorm2d bn1;
    internal readonly ModuleList<CifarBasicBlock> layer1;
    internal readonly ModuleList<CifarBasicBlock> layer2;
    internal readonly ModuleList<CifarBasicBlock> layer3;
    internal readonly Linear fc;

    /// <summary>Makes the network with fresh weights, drawn from TorchSharp's global generator.</summary>
    /// <param name="spec">Which member of the family.</param>
    /// <param name="classes">Length of the logits, at least 1.</param>
    /// <param name="inputChannels">Channels of the images, at least 1.</param>
    public CifarResNet(CifarResNetSpec spec, int classes, int inputChannels = 3)
        : base(spec.Name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(inputChannels, 1);
        Spec = spec;
        Classes = classes;
        var widths = spec.Widths;
        conv1 = nn.Conv2d(inputChannels, widths[0], 3, padding: 1, bias: false);
        bn1 = nn.BatchNorm2d(widths[0]);
        layer1 = Stage(widths[0], widths[1], spec.BlocksPerStage, 1);
        layer2 = Stage(widths[1], widths[2], spec.BlocksPerStage, 2);
        layer3 = Stage(widths[2], widths[3], spec.BlocksPerStage, 2);
        fc = nn.Linear(widths[3], classes);
        RegisterComponents();
        foreach (var convolution in modules().OfType<Conv2d>())
            nn.init.kaiming_normal_(
                convolution.weight,
                mode: nn.init.FanInOut.FanOut,
                nonlinearity: nn.init.NonlinearityType.ReLU
            );
    }

    /// <summary>
    /// The taps of <see cref="ForwardFeatures"/>, in order of depth: <c>stem</c>, <c>layer1</c>..<c>layer3</c> after
    /// ReLU, <c>layer1.preact</c>..<c>layer3.preact</c> before it, <c>pooled</c>.
    /// </summary>
    public static ImmutableArray<string> TapNames { get; } =
    ["stem", "layer1.preact", "layer1", "layer2.preact", "layer2", "layer3.preact", "layer3", "pooled"];

    /// <summary>The member of the family this is.</summary>
    public CifarResNetSpec Spec { get; }

    /// <summary>Length of the logits.</summary>
    public int Classes { get; }

    /// <summary>The network of that name, such as <c>resnet20</c>, with fresh weights.</summary>
    public static CifarResNet Create(string name, int classes, int inputChannels = 3) =>
        new(CifarResNetSpec.Named(name), classes, inputChannels);

    /// <summary>Logits only, in the fewest operations.</summary>
    /// <param name="input">Images <c>[batch, channels, height, width]</c>.</param>
    /// <returns><c>[batch, classes]</c></returns>
    public override Tensor forward(Tensor input)
    {
        var x = Stem(input);
        foreach (var stage in Stages)
        foreach (var block in stage)
            x = Replace(x, block.call(x));
        using var pooled = Replace(x, Pool(x));
        return fc.call(pooled);
    }

    /// <summary>Logits and taps.</summary>
    /// <param name="input">Images <c>[batch, channels, height, width]</c>.</param>
    /// <param name="taps">Which of <see cref="TapNames"/> to give; null for all.</param>
    /// <returns>
    /// Feature shapes: <c>stem</c> <c>[batch, widths[0], h, w]</c>; <c>layer1</c> has the same height and width,
    /// <c>layer2</c> half of them and <c>layer3</c> a quarter (rounded up); <c>pooled</c> <c>[batch, widths[3]]</c>.
    /// </returns>
    public FeatureOutput ForwardFeatures(Tensor input, IReadOnlyCollection<string>? taps = null)
    {
        var collector = new TapCollector(taps);
        var x = collector.Add("stem", Stem(input));
        var number = 0;
        foreach (var stage in Stages)
        {
            var name = $"layer{++number}";
            for (var i = 0; i < stage.Count - 1; i++)
                x = collector.Replace(x, stage[i].call(x));
            var before = collector.Replace(x, stage[^1].ForwardPreactivation(x));
            collector.Add($"{name}.preact", before);
            x = collector.Add(name, collector.Holds(before) ? before.relu() : before.relu_());
        }
        var pooled = collector.Add("pooled", Pool(x));
        collector.Release(x);
        return new FeatureOutput(fc.call(pooled), pooled, collector.Features);
    }

    /// <summary>A faster form for inference, with its own copy of the present weights and statistics.</summary>
    /// <param name="dtype">What it computes in: Float32 or BFloat16.</param>
    public FrozenCifarResNet Freeze(ScalarType dtype = ScalarType.Float32) => new(this, dtype);

    private ModuleList<CifarBasicBlock>[] Stages => [layer1, layer2, layer3];

    private Tensor Stem(Tensor input)
    {
        using var convolved = conv1.call(input);
        return bn1.call(convolved).relu_();
    }

    private static Tensor Pool(Tensor x) => x.mean([2, 3]);

    private static Tensor Replace(Tensor old, Tensor next)
    {
        old.Dispose();
        return next;
    }

    private static ModuleList<CifarBasicBlock> Stage(int inputs, int outputs, int blocks, int stride)
    {
        var stage = new ModuleList<CifarBasicBlock>();
        for (var i = 0; i < blocks; i++)
            stage.Add(new CifarBasicBlock(i == 0 ? inputs : outputs, outputs, i == 0 ? stride : 1));
        return stage;
    }
}
