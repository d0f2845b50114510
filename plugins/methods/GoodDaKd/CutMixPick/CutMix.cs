using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.GoodDaKd;

/// <summary>CutMix as CutMixPick builds its pool of: one rectangle and one pairing without fixed points per batch.</summary>
internal static class CutMix
{
    /// <summary>Draws a rectangle: lam from U(0, 1), then the centre's column and row, anywhere.</summary>
    public static CutMixBox Draw(SeededRandom random, long height, long width)
    {
        var share = random.NextDouble();
        var x = random.NextInt64(width);
        return CutMixBox.Of(share, x, random.NextInt64(height), height, width);
    }

    /// <summary>Partners of the samples, int64 [count] on the CPU; nobody is its own. Count at least 2.</summary>
    public static Tensor Partners(SeededRandom random, long count)
    {
        var partners = new long[count];
        // Drawn again until no point is fixed, as in the official code: every such permutation is equally likely.
        do
        {
            for (long i = 0; i < count; i++)
                partners[i] = i;
            random.Shuffle<long>(partners);
        } while (partners.Where((partner, i) => partner == i).Any());
        return tensor(partners);
    }
}
