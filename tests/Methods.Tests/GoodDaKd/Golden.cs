using static TorchSharp.torch;

namespace KdPlugins.GoodDaKd.Tests;

/// <summary>Inputs and results of the authors' own code.</summary>
public static class Golden
{
    /// <summary>Three groups of two rows of two classes: the groups' means.</summary>
    public static double[][] ThreeGroups =>
        [Mean([.5, .5], [.7, .3]), Mean([.2, .8], [.4, .6]), Mean([.9, .1], [.5, .5])];

    /// <summary>Four groups of two rows of four classes: the groups' means.</summary>
    public static double[][] FourGroups =>
        [
            Mean([.7, .2, .1, 0], [.1, .6, .2, .1]),
            Mean([.25, .25, .25, .25], [.4, .3, .2, .1]),
            Mean([.1, .1, .1, .7], [.05, .05, .1, .8]),
            Mean([.9, .05, .03, .02], [.3, .3, .3, .1]),
        ];

    /// <summary>The teacher's logits of four candidates.</summary>
    public static float[,] Pool =>
        new float[,]
        {
            { 4, 0, 0 },
            { 1, 1, 0 },
            { 2, 1, 0 },
            { 0, 0, 0 },
        };

    /// <summary>The teacher's logits of two originals.</summary>
    public static float[,] Originals =>
        new float[,]
        {
            { 2, 0, 0 },
            { 0, 2, 0 },
        };

    /// <summary>The teacher's logits of 128 candidates, [((37 i) mod 128) / 16, 0, 0].</summary>
    public static Tensor LargePool
    {
        get
        {
            var values = new float[128 * 3];
            for (var i = 0; i < 128; i++)
                values[3 * i] = 37 * i % 128 / 16f;
            return tensor(values).view(128, 3);
        }
    }

    private static double[] Mean(double[] first, double[] second) => [.. first.Zip(second, (a, b) => (a + b) / 2)];
}
