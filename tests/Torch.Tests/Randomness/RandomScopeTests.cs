using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Randomness;

public class RandomScopeTests
{
    private static void AssertAsRecorded(string name, ulong seed, Func<Tensor> draw)
    {
        using var scope = NewDisposeScope();
        using var random = RandomScope.Use(seed);
        var expected = Golden.Torch.Values(name, v => v.GetDouble());
        Assert.Equal(expected, draw().flatten().to(float64).data<double>().ToArray(), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void A_seed_gives_the_numbers_of_PyTorch()
    {
        AssertAsRecorded("randn_seed0", 0, () => randn(8));
        AssertAsRecorded("randn_seed0_20", 0, () => randn(20));
        AssertAsRecorded("rand_seed7", 7, () => rand(5));
        AssertAsRecorded("randperm_seed3", 3, () => randperm(10));
        AssertAsRecorded("randint_seed5", 5, () => randint(0, 1000, [6]));
        AssertAsRecorded("dropout_seed1", 1, () => nn.functional.dropout(ones(12), 0.5));
        AssertAsRecorded("uniform_then_normal_seed9", 9, () => cat([rand(3), randn(3)]));
    }

    private static float[] Draw(Func<Tensor> draw)
    {
        using var x = draw();
        return x.data<float>().ToArray();
    }

    [Fact]
    public void A_block_leaves_the_outer_sequence_as_if_it_had_not_been()
    {
        float[] Sequence(bool withBlock)
        {
            using var outer = RandomScope.Use(11);
            // An odd count leaves half a pair of normal numbers behind, which is part of the state.
            var first = Draw(() => randn(3));
            if (withBlock)
            {
                using var inner = RandomScope.Use(12);
                using var inmost = RandomScope.Use(13);
                Draw(() => rand(1000));
            }
            return [.. first, .. Draw(() => randn(3)), .. Draw(() => rand(3))];
        }
        Assert.Equal(Sequence(false), Sequence(true));
    }

    [Fact]
    public void A_block_that_fails_still_puts_the_generator_back()
    {
        using var outer = RandomScope.Use(1);
        var state = Generator.Default.get_state();
        Assert.ThrowsAny<Exception>(() =>
        {
            using var inner = RandomScope.Use(2);
            randn(3).mm(randn(4));
        });
        Assert.True(state.equal(Generator.Default.get_state()).all().item<bool>());
    }

    [Fact]
    public void A_dispose_scope_that_ends_inside_the_block_does_no_harm()
    {
        var memory = NewDisposeScope();
        var random = RandomScope.Use(3);
        memory.Dispose();
        random.Dispose();
        random.Dispose();
    }

    [Fact]
    public void Another_thread_is_refused_while_a_block_is_open()
    {
        using var mine = RandomScope.Use(1);
        KdException? failure = null;
        var thread = new Thread(() => failure = Assert.Throws<KdException>(() => RandomScope.Use(2)));
        thread.Start();
        thread.Join();
        Assert.Equal("KDP0005", failure!.Code.Id);
        Assert.Contains($"while thread {Environment.CurrentManagedThreadId} has one open", failure.Message);
    }

    [Fact]
    public void Closing_in_the_wrong_order_is_refused_and_can_be_mended()
    {
        var outer = RandomScope.Use(1);
        var inner = RandomScope.Use(2);
        Assert.Equal("KDP0005", Assert.Throws<KdException>(outer.Dispose).Code.Id);
        inner.Dispose();
        outer.Dispose();
    }

    [Fact]
    public void A_generator_of_ones_own_neither_disturbs_nor_is_disturbed()
    {
        using var scope = RandomScope.Use(20);
        var undisturbed = Draw(() => rand(4));
        using var again = RandomScope.Use(20);
        using var own = RandomGenerators.New(99);
        var mine = Draw(() => rand(4, generator: own));
        Assert.Equal(undisturbed, Draw(() => rand(4)));
        using var same = RandomGenerators.New(99, CPU);
        Assert.Equal(mine, Draw(() => rand(4, generator: same)));
        Assert.NotEqual(mine, undisturbed);
    }

    [SkippableFact]
    public void A_generator_for_a_device_that_this_libtorch_lacks_is_refused()
    {
        Skip.If(NativeRuntime.Start().CudaAvailable);
        Assert.Equal(
            "KDP0003",
            Assert.Throws<KdException>(() => RandomGenerators.New(1, new Device(DeviceType.CUDA, 0))).Code.Id
        );
        Assert.Equal(
            "KDP0004",
            Assert.Throws<KdException>(() => RandomGenerators.New(1, new Device(DeviceType.META))).Code.Id
        );
    }

    [SkippableFact]
    [Trait("Category", "Cuda")]
    public void A_block_on_CUDA_draws_the_same_numbers_again_and_puts_the_generator_back()
    {
        Skip.IfNot(NativeRuntime.Start().CudaAvailable, NativeRuntime.Start().CudaStatus);
        float[] Numbers() => Draw(() => randn(1000, device: CUDA).cpu());
        using var outer = RandomScope.Use(1);
        Numbers();
        float[] inside;
        using (RandomScope.Use(2))
            inside = Numbers();
        var after = Numbers();
        using var again = RandomScope.Use(1);
        Numbers();
        Assert.Equal(after, Numbers());
        using var own = RandomGenerators.New(2, CUDA);
        Assert.Equal(inside, Draw(() => randn(1000, device: CUDA, generator: own).cpu()));
    }
}
