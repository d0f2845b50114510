using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.MosaicKd.Tests;

/// <summary>The values that the golden numbers of the method's sheet belong to, in doubles.</summary>
internal static class Examples
{
    public static Tensor Fake => Rows(2, 0, 1, -1, 2);

    public static Tensor Real => Rows(2, 2, 0, 1, -1);

    public static Tensor Teacher => Rows(4, 2, 1, 0, -1, -1, 0, 1, 4);

    public static Tensor Student => Rows(4, 1, 2, .5, -1, 0, 1, 0, 3);

    public static Tensor Rows(int columns, params double[] values) => tensor(values).view(-1, columns);

    /// <summary>Weights of convolutions and linear layers 0.5 sin(1 + k), biases 0, norms as they begin.</summary>
    public static T SineFilled<T>(T module)
        where T : nn.Module
    {
        module.to(ScalarType.Float64);
        using var _ = no_grad();
        foreach (var layer in module.modules().Where(m => m is Conv2d or Linear))
        foreach (var (name, values) in layer.named_parameters(recurse: false))
            if (name == "weight")
                values.copy_(((arange(values.numel(), ScalarType.Float64) + 1).sin() * 0.5).view(values.shape));
            else
                values.zero_();
        return module;
    }

    public static double[] Flat(Tensor t) => t.detach().contiguous().to(ScalarType.Float64).data<double>().ToArray();

    public static double Value(Tensor t) => t.detach().to(ScalarType.Float64).item<double>();

    public static void Close(double[] expected, Tensor actual, double tolerance = 1e-9)
    {
        var values = Flat(actual);
        Assert.Equal(expected.Length, values.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.InRange(values[i], expected[i] - tolerance, expected[i] + tolerance);
    }
}
