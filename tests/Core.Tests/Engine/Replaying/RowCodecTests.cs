using FsCheck;
using FsCheck.Xunit;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Replaying;

/// <summary>What becomes of values that are stored, against plain loops in double.</summary>
public sealed class RowCodecTests
{
    private static Tensor Stored(RowCodec codec, Tensor values)
    {
        var form = RowCodecModule.formOf(codec, values).Value;
        var columns = RowCodecModule.encode(codec, form, values);
        var rows = RowCodecModule.empty(codec, form, values.shape[0]);
        var bytes = new byte[form.Bytes];
        for (var i = 0; i < values.shape[0]; i++)
        {
            RowCodecModule.gather(columns, i, bytes);
            RowCodecModule.scatter(rows, i, bytes);
        }
        return RowCodecModule.decode(codec, form, CPU, rows);
    }

    private static Tensor Drawn(int seed, double scale, params long[] shape)
    {
        using var generator = new RandomKey((ulong)seed).NewGenerator(CPU);
        return randn(shape, generator: generator) * scale;
    }

    private static double[] Softmax(float[] logits)
    {
        var most = logits.Max();
        var powers = logits.Select(z => Math.Exp((double)z - most)).ToArray();
        return [.. powers.Select(p => p / powers.Sum())];
    }

    [Fact]
    public void Whole_values_come_back_bit_for_bit_in_their_layout()
    {
        var odd = tensor(new[] { float.NaN, -0f, float.PositiveInfinity, 1e-42f, 3.4e38f, 0.1f }).view(2, 3);
        Assert.Equal(odd.bytes.ToArray(), Stored(RowCodec.Float32, odd).bytes.ToArray());
        var map = Drawn(1, 1, 2, 3, 4, 5);
        foreach (var layout in (Tensor[])[map, map.ToChannelsLast()])
        {
            var back = Stored(RowCodec.Float32, layout);
            Assert.True(back.equal(map).all().item<bool>());
            Assert.Equal(layout.stride(), back.stride());
        }
    }

    [Property(MaxTest = 40)]
    public void The_largest_logits_keep_their_probabilities_and_the_others_theirs_together(
        PositiveInt seed,
        PositiveInt classes,
        PositiveInt largest
    )
    {
        var count = 2 + classes.Get % 30;
        var k = 1 + largest.Get % (count - 1);
        var logits = Drawn(seed.Get, seed.Get % 9, 3, count);
        var back = Stored(RowCodec.NewLargest(k), logits);
        for (var row = 0; row < 3; row++)
        {
            var (from, to) = (logits[row].data<float>().ToArray(), back[row].data<float>().ToArray());
            var (wanted, got) = (Softmax(from), Softmax(to));
            var order = Enumerable.Range(0, count).OrderByDescending(i => from[i]).ToArray();
            var kept = order[..k].Where(i => to[i] == from[i]).ToArray();
            // Among equal ones any may be kept.
            Assert.True(kept.Length == k || from.Distinct().Count() < count);
            foreach (var i in kept)
                Assert.Equal(wanted[i], got[i], 1e-6);
            var others = to.Where((_, i) => !order[..k].Contains(i)).ToArray();
            Assert.Equal(1 - order[..k].Sum(i => wanted[i]), 1 - order[..k].Sum(i => got[i]), 1e-6);
            Assert.True(from.Distinct().Count() < count || others.Distinct().Count() == 1);
        }
    }

    [Property(MaxTest = 40)]
    public void Eight_bits_are_off_by_half_a_step_at_most(PositiveInt seed)
    {
        var values = Drawn(seed.Get, Math.Pow(10, seed.Get % 7 - 3), 4, 1 + seed.Get % 50);
        var back = Stored(RowCodec.Int8, values);
        for (var row = 0; row < 4; row++)
        {
            var (from, to) = (values[row].data<float>().ToArray(), back[row].data<float>().ToArray());
            var step = ((double)from.Max() - from.Min()) / 255;
            var rounding = 4e-7 * Math.Max(Math.Abs(from.Max()), Math.Abs(from.Min()));
            for (var i = 0; i < from.Length; i++)
                Assert.InRange(Math.Abs((double)to[i] - from[i]), 0, step / 2 * (1 + 1e-4) + rounding);
        }
    }

    [Fact]
    public void Eight_bits_of_equal_values_are_exact()
    {
        var back = Stored(RowCodec.Int8, full([2, 5], -3.25f));
        Assert.All(back.data<float>().ToArray(), x => Assert.Equal(-3.25f, x));
    }

    [Fact]
    public void Bfloat16_keeps_eight_bits_of_mantissa()
    {
        var values = Drawn(3, 5, 4, 64);
        var (from, to) = (values.data<float>().ToArray(), Stored(RowCodec.BFloat16, values).data<float>().ToArray());
        for (var i = 0; i < from.Length; i++)
        {
            Assert.InRange(Math.Abs(to[i] - from[i]), 0, Math.Abs(from[i]) / 256);
            Assert.Equal(0, BitConverter.SingleToInt32Bits(to[i]) & 0xffff);
        }
    }

    [Fact]
    public void What_cannot_be_stored_so_has_no_form()
    {
        Assert.True(RowCodecModule.formOf(RowCodec.NewLargest(3), zeros(2, 3)).IsNone);
        Assert.True(RowCodecModule.formOf(RowCodec.NewLargest(2), zeros(2, 3, 4)).IsNone);
        Assert.True(RowCodecModule.formOf(RowCodec.Float32, zeros([2, 3], ScalarType.Int64)).IsNone);
        Assert.Equal(4 * 3, RowCodecModule.formOf(RowCodec.Float32, zeros(2, 3)).Value.Bytes);
        Assert.Equal(8 + 3, RowCodecModule.formOf(RowCodec.Int8, zeros(2, 3)).Value.Bytes);
        Assert.Equal(8 * 2 + 4, RowCodecModule.formOf(RowCodec.NewLargest(2), zeros(2, 3)).Value.Bytes);
    }
}
