using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.KrrSt.Tests;

/// <summary>The inputs of the method sheet's examples, in double precision.</summary>
public static class Goldens
{
    public const double Ridge = 1e-6;

    /// <summary>Examples 1, 2 and 4.</summary>
    public static (Tensor FeaturesS, Tensor FeaturesR, Tensor TargetsS, Tensor TargetsR) Line() =>
        (Column(1, 2), Column(3, 0), Column(1, 3), Column(5, 0));

    /// <summary>Example 8: two features, two outputs.</summary>
    public static (Tensor FeaturesS, Tensor FeaturesR, Tensor TargetsS, Tensor TargetsR) Plane() =>
        (
            tensor(
                new double[,]
                {
                    { 1, 0 },
                    { 0, 2 },
                    { 1, 1 },
                }
            ),
            tensor(
                new double[,]
                {
                    { 2, 1 },
                    { -1, 1 },
                    { 0, 0 },
                    { 1, 3 },
                }
            ),
            tensor(
                new double[,]
                {
                    { 1, 0 },
                    { 0, 1 },
                    { 2, -1 },
                }
            ),
            tensor(
                new double[,]
                {
                    { 1, 1 },
                    { 0, 2 },
                    { 0.5, -0.5 },
                    { 2, 0 },
                }
            )
        );

    /// <summary>Example 9: more samples than the rank of the features.</summary>
    public static (Tensor FeaturesS, Tensor FeaturesR, Tensor TargetsS, Tensor TargetsR) Deficient() =>
        (Column(1, 2, 4), Column(3, 0), Column(1, 3, 2), Column(5, 0));

    /// <summary>Example 12: an image of three channels.</summary>
    public static Tensor Image() => tensor(new double[] { 1, 2, 3, 4, 0, 1, 2, 3, 5, 6, 7, 8 }).view(1, 3, 2, 2);

    /// <summary>Example 11: the numbers that images and targets are, by flat index.</summary>
    public static Tensor Wave(Func<Tensor, Tensor> wave, params long[] shape) =>
        wave(arange(shape.Aggregate(1L, (a, b) => a * b), ScalarType.Float64)).view(shape);

    /// <summary>Example 11: the k-th trainable tensor of the network.</summary>
    public static Tensor Weight(int k, bool isScale, params long[] shape) =>
        Wave(j => (j * 0.01 + 1 + k).sin() * 0.08 + (isScale ? 1 : 0), shape);

    private static Tensor Column(params double[] values) => tensor(values).unsqueeze(1);
}
