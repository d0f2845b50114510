using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Frskd;

/// <summary>A 1x1 convolution and a batch norm, and a ReLU where asked for.</summary>
internal sealed class Lateral : nn.Module<Tensor, Tensor>
{
    private readonly Conv2d conv;
    private readonly BatchNorm2d bn;
    private readonly bool _activates;

    internal Lateral(long inputs, long outputs, bool activates = true)
        : base(nameof(Lateral))
    {
        _activates = activates;
        conv = nn.Conv2d(inputs, outputs, 1, bias: false);
        bn = nn.BatchNorm2d(outputs);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        var normed = bn.call(Pointwise(conv, x));
        return _activates ? normed.relu() : normed;
    }

    // A matrix product: libtorch 2.10 computes some 1x1 convolutions of channels_last images wrongly with AVX-512.
    internal static Tensor Pointwise(Conv2d conv, Tensor x) =>
        nn.functional.linear(x.permute(0, 2, 3, 1), conv.weight.flatten(1)).permute(0, 3, 1, 2);
}

/// <summary>
/// A convolution of each channel by itself, one across channels and a batch norm, repeated with ReLUs in between and none at
/// the end.
/// </summary>
internal sealed class Refiner : nn.Module<Tensor, Tensor>
{
    private readonly ModuleList<Conv2d> each;
    private readonly ModuleList<Conv2d> across;
    private readonly ModuleList<BatchNorm2d> bn;

    internal Refiner(long channels, int depth)
        : base(nameof(Refiner))
    {
        IEnumerable<int> steps = Enumerable.Range(0, depth);
        each = nn.ModuleList<Conv2d>([
            .. steps.Select(_ => nn.Conv2d(channels, channels, 3, padding: 1, groups: channels, bias: false)),
        ]);
        across = nn.ModuleList<Conv2d>([.. steps.Select(_ => nn.Conv2d(channels, channels, 1, bias: false))]);
        bn = nn.ModuleList<BatchNorm2d>([.. steps.Select(_ => nn.BatchNorm2d(channels))]);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        for (var i = 0; i < bn.Count; i++)
            x = bn[i].call(Lateral.Pointwise(across[i], each[i].call(i == 0 ? x : x.relu())));
        return x;
    }
}

/// <summary>A weighted sum of maps of one shape, with learnt weights.</summary>
internal sealed class Fusion : nn.Module
{
    private readonly Parameter weights;

    internal Fusion(int inputs)
        : base(nameof(Fusion))
    {
        weights = new(ones(inputs));
        RegisterComponents();
    }

    internal Tensor Sum(params ReadOnlySpan<Tensor> maps)
    {
        var shares = FrskdMath.FusionWeights(weights);
        var sum = maps[0].mul(shares[0]);
        for (var i = 1; i < maps.Length; i++)
            sum = sum.add(maps[i].mul(shares[i]));
        return sum;
    }
}
