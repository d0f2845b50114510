using System.Numerics;
using FsCheck.Xunit;
using Xunit;

namespace KdPlugins.Torch.Tests.Randomness;

public class SeedTests
{
    [Fact]
    public void The_values_never_change()
    {
        ulong[] seeds =
        [
            Seed.Derive(0, 0),
            Seed.Derive(1, -1),
            Seed.Derive(42, "crop"),
            Seed.Derive(0, ""),
            Seed.Derive(1, "größe"),
        ];
        Assert.Equal(Golden.Seeds.Values("seeds", v => ulong.Parse(v.GetString()!)), seeds);
        Assert.Equal(ulong.Parse(Golden.Seeds.GetProperty("path").GetString()!), Seed.Derive(7, "stage", 2, "step", 3));
    }

    [Fact]
    public void The_finaliser_is_that_of_SplitMix64() =>
        Assert.Equal(0xe220a8397b1dcdafUL, Seed.Mix(0x9e3779b97f4a7c15UL));

    [Property]
    public bool A_path_is_the_chain_of_its_parts(ulong seed, long stage, long step) =>
        Seed.Derive(seed, "stage", stage, "step", step, "dropout")
        == Seed.Derive(
            Seed.Derive(Seed.Derive(Seed.Derive(Seed.Derive(seed, "stage"), stage), "step"), step),
            "dropout"
        );

    [Property]
    public bool Order_and_kind_matter(ulong seed, int number) =>
        Seed.Derive(seed, number, number + 1L) != Seed.Derive(seed, number + 1L, number)
        && Seed.Derive(seed, number) != Seed.Derive(seed, number.ToString())
        && Seed.Derive(seed, "a", "b") != Seed.Derive(seed, "ab")
        && Seed.Derive(seed, "b", "a") != Seed.Derive(seed, "a", "b");

    // Each input bit turns half of the output bits: 32 of 64, by the mean of many within a twentieth.
    [Fact]
    public void One_changed_bit_changes_half_of_the_bits()
    {
        var random = new Random(1);
        var turned = new long[64];
        const int trials = 300;
        for (var trial = 0; trial < trials; trial++)
        {
            var seed = (ulong)random.NextInt64();
            var number = random.NextInt64();
            for (var bit = 0; bit < 64; bit++)
            {
                turned[bit] += BitOperations.PopCount(
                    Seed.Derive(seed, number) ^ Seed.Derive(seed, number ^ (1L << bit))
                );
                turned[bit] += BitOperations.PopCount(
                    Seed.Derive(seed, number) ^ Seed.Derive(seed ^ (1UL << bit), number)
                );
            }
        }
        Assert.All(turned, t => Assert.InRange(t / (2.0 * trials), 30.4, 33.6));
    }

    [Fact]
    public void A_million_places_of_a_run_have_a_million_seeds()
    {
        var seen = new HashSet<ulong>();
        for (var step = 0; step < 100_000; step++)
            foreach (var purpose in (string[])["crop", "flip", "dropout", "order", "noise"])
            {
                Assert.True(seen.Add(Seed.Derive(1, "stage", 0, "step", step, purpose)));
                Assert.True(seen.Add(Seed.Derive(2, "stage", 0, "step", step, purpose)));
            }
    }

    [Fact]
    public void The_low_bits_that_libtorch_looks_at_are_spread_evenly()
    {
        var counts = new int[256];
        const int trials = 51_200;
        for (var step = 0; step < trials; step++)
            counts[Seed.Derive(5, step) & 0xff]++;
        // Chi-square with 255 degrees of freedom: mean 255, deviation 22.6.
        var chi = counts.Sum(c => Math.Pow(c - trials / 256.0, 2) / (trials / 256.0));
        Assert.InRange(chi, 255 - 6 * 22.6, 255 + 6 * 22.6);
    }
}
