using KdPlugins.Core;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.AugKd.Tests;

/// <summary>The inputs and weights that the golden numbers of the method's sheet belong to, in doubles.</summary>
internal static class Goldens
{
    public const long Latent = 100;
    public const long Classes = 31;

    /// <summary>ImageNet's mean and deviation per channel.</summary>
    private static readonly double[] Mean = [0.485, 0.456, 0.406];
    private static readonly double[] Std = [0.229, 0.224, 0.225];

    /// <summary>sin(0.37 j), [2, 100].</summary>
    public static Tensor Z => Wave(0.37, 2, Latent);

    /// <summary>0.5 + 0.5 sin(0.11 j), [2, 3, 32, 32].</summary>
    public static Tensor X => Wave(0.11, 2, 3, 32, 32) * 0.5 + 0.5;

    /// <summary>Two labels.</summary>
    public static Tensor Y => tensor(new long[] { 0, 2 });

    /// <summary>The k-th trainable tensor has 0.08 sin(1 + k + 0.01 j) at flat index j; batch norms' scales 1 more.</summary>
    public static T Formula<T>(T module, int first = 0)
        where T : nn.Module
    {
        module.to(ScalarType.Float64);
        using var _ = no_grad();
        var scales = module
            .modules()
            .Select(m => (m as BatchNorm1d)?.weight ?? (m as BatchNorm2d)?.weight)
            .Where(w => w is not null)
            .Select(w => w!.Handle)
            .ToHashSet();
        foreach (var parameter in module.parameters())
        {
            var j = arange(parameter.numel(), ScalarType.Float64);
            var values = (j * 0.01 + 1 + first++).sin() * 0.08;
            if (scales.Contains(parameter.Handle))
                values += 1;
            parameter.copy_(values.view(parameter.shape));
        }
        return module;
    }

    /// <summary>norm(x) with ImageNet's constants.</summary>
    public static Tensor Normalise(Tensor x) => (x - tensor(Mean).view(1, 3, 1, 1)) / tensor(Std).view(1, 3, 1, 1);

    public static double[] Flat(Tensor t) => t.detach().contiguous().to(ScalarType.Float64).data<double>().ToArray();

    public static double Value(Tensor t) => t.detach().to(ScalarType.Float64).item<double>();

    /// <summary>Equal to as many decimals as the sheet gives.</summary>
    public static void Close(double expected, double actual, double tolerance = 1e-6) =>
        Assert.InRange(actual, expected - tolerance, expected + tolerance);

    public static Tensor Doubles(double[,] values) => tensor(values, ScalarType.Float64);

    private static Tensor Wave(double frequency, params long[] shape) =>
        (arange(shape.Aggregate(1L, (a, b) => a * b), ScalarType.Float64) * frequency).sin().view(shape);
}

/// <summary>conv3x3 3->4 with bias, batch norm, ReLU, mean over pixels, Linear 4->31.</summary>
internal sealed class ToyNetwork : nn.Module<Tensor, Tensor>, INetwork
{
    private readonly Conv2d conv = nn.Conv2d(3, 4, 3, padding: 1);
    private readonly BatchNorm2d bn = nn.BatchNorm2d(4);
    private readonly Linear fc = nn.Linear(4, Goldens.Classes);

    public ToyNetwork()
        : base(nameof(ToyNetwork)) => RegisterComponents();

    public nn.Module Module => this;

    public NetworkShape Shape { get; } = new([3, 32, 32], Goldens.Classes, 4, []);

    public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps) =>
        new(call(input), null!, new Dictionary<string, Tensor>());

    public override Tensor forward(Tensor input) => fc.call(bn.call(conv.call(input)).relu().mean([2, 3]));
}
