using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Models;

/// <summary>
/// A <see cref="CifarResNet"/> for inference with weights that no longer change: norms folded, ReLUs and residual sums
/// computed by the convolutions. Same taps; maps in its dtype, pooled features and logits in float32.
/// </summary>
public sealed class FrozenCifarResNet : nn.Module<Tensor, Tensor>
{
    private readonly FrozenConv2d stem;
    private readonly ModuleList<FrozenCifarBlock> layer1;
    private readonly ModuleList<FrozenCifarBlock> layer2;
    private readonly ModuleList<FrozenCifarBlock> layer3;
    private readonly Linear fc;

    internal FrozenCifarResNet(CifarResNet source, ScalarType dtype)
        : base($"frozen {source.Spec.Name}")
    {
        ModuleList<FrozenCifarBlock> Freeze(ModuleList<CifarBasicBlock> stage) =>
            new([.. stage.Select(block => new FrozenCifarBlock(block, dtype))]);
        stem = FrozenConv2d.From(source.conv1, source.bn1, relu: true, dtype);
        (layer1, layer2, layer3) = (Freeze(source.layer1), Freeze(source.layer2), Freeze(source.layer3));
        fc = nn.Linear(source.fc.in_features, source.fc.out_features);
        using (no_grad())
        {
            fc.weight.copy_(source.fc.weight);
            fc.bias!.copy_(source.fc.bias!);
        }
        fc.weight.requires_grad = fc.bias.requires_grad = false;
        RegisterComponents();
        eval();
    }

    /// <summary>Logits only, float32 <c>[batch, classes]</c>.</summary>
    /// <param name="input">Images <c>[batch, channels, height, width]</c>.</param>
    public override Tensor forward(Tensor input)
    {
        var x = stem.call(input);
        foreach (var stage in (ModuleList<FrozenCifarBlock>[])[layer1, layer2, layer3])
        foreach (var block in stage)
        {
            var next = block.Forward(x, overwrite: true, activate: true);
            x.Dispose();
            x = next;
        }
        using var pooled = Pool(x);
        x.Dispose();
        return Classify(pooled);
    }

    /// <summary>Logits and taps, named and shaped as those of <see cref="CifarResNet.ForwardFeatures"/>.</summary>
    /// <param name="input">Images <c>[batch, channels, height, width]</c>.</param>
    /// <param name="taps">The taps to give; null for all.</param>
    public FeatureOutput ForwardFeatures(Tensor input, IReadOnlyCollection<string>? taps = null)
    {
        var collector = new TapCollector(taps);
        var x = collector.Add("stem", stem.call(input));
        var number = 0;
        foreach (var stage in (ModuleList<FrozenCifarBlock>[])[layer1, layer2, layer3])
        {
            var name = $"layer{++number}";
            var before = $"{name}.preact";
            for (var i = 0; i < stage.Count - 1; i++)
                x = collector.Replace(x, stage[i].Forward(x, overwrite: !collector.Holds(x), activate: true));
            var wantsBefore = collector.Wants(before);
            x = collector.Replace(x, stage[^1].Forward(x, !collector.Holds(x), activate: !wantsBefore));
            if (wantsBefore)
                x = collector.Add(before, x).relu();
            collector.Add(name, x);
        }
        var pooled = collector.Add("pooled", Pool(x));
        collector.Release(x);
        return new FeatureOutput(Classify(pooled), pooled, collector.Features);
    }

    private static Tensor Pool(Tensor x) => x.mean([2, 3], type: ScalarType.Float32);

    // The classifier is small: in float32 it costs nothing, and the softmax sees no rounding.
    private Tensor Classify(Tensor pooled)
    {
        using var own = Autocast.IsEnabled(pooled.device) ? Autocast.Disabled() : null;
        return fc.call(pooled);
    }
}
