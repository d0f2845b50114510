using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Infer.Tests;

public sealed class CompensatorTests
{
    private static readonly double[] Std = [.25, .2, .3];
    private static readonly PixelSpace Space = new([0, 0, 0], Std);

    // C = 2, P = 2, M = 2: 4 natural images, 4 compensators, 12 instances.
    private static (CompensatedSource Source, Tensor Images, Tensor U) Set(Tensor? logits = null)
    {
        var images = randint(0, 256, [4, 3, 4, 4]).to(ScalarType.Byte);
        var u = randn(4, 3, 4, 4);
        var (codes, ranges) = CompensatorCode.Encode(u);
        return (new(images, codes, ranges, Space, 2, logits), images, CompensatorCode.Decode(codes, ranges));
    }

    [Fact]
    public void A_code_differs_from_its_compensator_by_half_a_step()
    {
        using var _ = NewDisposeScope();
        var u = randn(3, 3, 6, 6) * 2;
        u[0, 1] = 0.7f;
        var (codes, ranges) = CompensatorCode.Encode(u);
        Assert.Equal(ScalarType.Byte, codes.dtype);
        Assert.Equal([3, 3, 2], ranges.shape);
        var half = ranges[.., .., 1].unsqueeze(2).unsqueeze(3) * 0.5 + 1e-5;
        Assert.True((CompensatorCode.Decode(codes, ranges) - u).abs().le(half).all().item<bool>());
    }

    [Fact]
    public void Golden_4_without_a_compensator_the_stored_image_is_the_natural_one()
    {
        using var _ = NewDisposeScope();
        var images = randint(0, 256, [4, 3, 4, 4]).to(ScalarType.Byte);
        var (codes, ranges) = CompensatorCode.Encode(zeros(2, 3, 4, 4));
        var source = (IDataSource)new CompensatedSource(images, codes, ranges, Space, 2, null);
        Assert.Equal(8, source.Count);
        var all = source.Read(new long[] { 0, 1, 2, 3, 4, 5, 6, 7 });
        // Rounded, no level is lost.
        var levels = (all.Input * 255).round().to(ScalarType.Byte);
        Assert.True(levels.equal(cat([images, images])).all().item<bool>());
    }

    [Fact]
    public void Instances_are_natural_images_and_then_every_class_with_every_compensator()
    {
        using var _ = NewDisposeScope();
        var (source, images, u) = Set();
        var batch = ((IDataSource)source).Read(new long[] { 11, 0, 4, 7, 3, 9 });
        Assert.Equal([1, 0, 0, 1, 1, 1], TargetReader.As<ClassIndexTarget>(batch.Target, "test").Labels.data<long>());
        for (var row = 0; row < 6; row++)
        {
            var n = (int)batch.Indices[row].item<long>();
            // Instance ((m + 1) P + p) C + c, with C = P = 2.
            var (block, c) = (n / 2, n % 2);
            var (m, p) = (block / 2 - 1, block % 2);
            for (var i = 0; i < 48; i++)
            {
                var (ch, y, x) = (i / 16, i / 4 % 4, i % 4);
                var expected = images[p * 2 + c, ch, y, x].item<byte>() / 255.0;
                if (m >= 0)
                    expected = Math.Clamp(expected + Std[ch] * u[m * 2 + p, ch, y, x].item<float>(), 0, 1);
                Assert.Equal(expected, batch.Input[row, ch, y, x].item<float>(), 1e-5);
            }
        }
    }

    [Fact]
    public void Soft_targets_are_the_instances_own()
    {
        using var _ = NewDisposeScope();
        var logits = randn(12, 2);
        var batch = ((IDataSource)Set(logits).Source).Read(new long[] { 10, 2 });
        var values = TargetReader.As<SoftTarget>(batch.Target, "test").Values;
        Assert.True(values.equal(logits.index_select(0, batch.Indices)).all().item<bool>());
    }

    [Theory]
    [InlineData(12)]
    [InlineData(-1)]
    public void A_number_that_no_instance_has_is_refused(long number)
    {
        using var _ = NewDisposeScope();
        var source = (IDataSource)Set().Source;
        Assert.Equal("KDP0403", Assert.Throws<KdException>(() => source.Read(new[] { 0, number })).Code.Id);
    }

    [Fact]
    public void Reading_leaves_nothing_behind_but_the_batch()
    {
        using var outer = NewDisposeScope();
        var source = (IDataSource)Set().Source;
        void Read()
        {
            using var scope = NewDisposeScope();
            source.Read(new long[] { 1, 5, 9 });
            Assert.Equal(3, scope.DisposablesCount);
        }
        Read();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 10; i++)
            Read();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }
}
