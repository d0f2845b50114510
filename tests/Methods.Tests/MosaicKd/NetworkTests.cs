using KdPlugins.Core;
using KdPlugins.Generators;
using TorchSharp;
using TorchSharp.Modules;
using static KdPlugins.MosaicKd.Tests.Examples;
using static TorchSharp.torch;

namespace KdPlugins.MosaicKd.Tests;

/// <summary>Sizes of the networks, golden numbers 1 and 5 of the sheet, in doubles.</summary>
public sealed class NetworkTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static MosaicGenerator Generator(MosaicGeneratorOptions options, params long[] image)
    {
        var generator = KdPlugins.Testing.Stubs.Plugin<MosaicGenerator>(options);
        generator.Bind(new(KdPlugins.Testing.Stubs.Data(image, 4), CPU));
        return generator;
    }

    private static long Count(nn.Module module) => module.parameters().Sum(p => p.numel());

    [Theory]
    [InlineData(MosaicForm.Small, 100, 64, 32, 2026051)]
    [InlineData(MosaicForm.Small, 3, 2, 8, 573)]
    [InlineData(MosaicForm.Deep, 100, 64, 64, 212995)]
    public void The_generators_are_as_large_as_the_published_ones(
        MosaicForm form,
        int latent,
        int width,
        long side,
        long expected
    )
    {
        var options = new MosaicGeneratorOptions
        {
            Form = form,
            Latent = latent,
            Width = width,
        };
        Assert.Equal(expected, Count(Generator(options, 3, side, side).Module!));
    }

    [Theory]
    [InlineData(2, 128, 531328)]
    [InlineData(2, 2, 238)]
    [InlineData(3, 64, 659456)]
    [InlineData(4, 64, 2757888)]
    public void The_discriminators_are_as_large_as_the_published_ones(int steps, long width, long expected) =>
        Assert.Equal(expected, Count(new PatchDiscriminator([3, 32, 32], width, steps)));

    [Theory]
    [InlineData(4, 224, 14)]
    [InlineData(3, 112, 14)]
    [InlineData(2, 32, 8)]
    public void A_discriminator_halves_the_sides_with_every_step(int steps, long side, long patches) =>
        Assert.Equal(
            [1, 1, patches, patches],
            new PatchDiscriminator([3, side, side], 2, steps).call(zeros(1, 3, side, side)).shape
        );

    [Fact]
    public void The_deep_generator_makes_images_of_any_multiple_of_32_under_the_published_names()
    {
        var generator = Generator(
            new()
            {
                Form = MosaicForm.Deep,
                Latent = 5,
                Width = 3,
            },
            1,
            32,
            64
        );
        var images = generator.Decode(randn(2, 5));
        Assert.Equal([2, 1, 32, 64], images.shape);
        Assert.True((images > 0).logical_and(images < 1).all().item<bool>());
        var names = generator.Module!.state_dict().Keys;
        Assert.Contains("l1.0.weight", names);
        Assert.Contains("conv_blocks.19.bias", names);
        Assert.Contains("conv_blocks.20.running_mean", names);
        Assert.Contains("conv_blocks.22.weight", names);
        Assert.DoesNotContain("conv_blocks.23.weight", names);
    }

    // In evaluation mode the norms as they begin divide by sqrt(1 + eps).
    [Fact]
    public void The_deep_generator_is_norm_slope_doubling_and_convolution_five_times()
    {
        var net = SineFilled(new DeepGeneratorNet(3, 2, 1, 32, 32));
        net.eval();
        var z = Rows(3, .5, -1, .25, 1, 0, -.5);
        var state = net.state_dict();
        Tensor Activated(Tensor x)
        {
            x = x / Math.Sqrt(1 + 1e-5);
            return x.clamp_min(0) + x.clamp_max(0) * 0.2;
        }
        var x = Activated(z.matmul(state["l1.0.weight"].t()).view(2, 2, 1, 1));
        foreach (var place in new[] { 3, 7, 11, 15, 19 })
        {
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3);
            x = Activated(nn.functional.conv2d(x, state[$"conv_blocks.{place}.weight"], padding: [1]));
        }
        x = nn.functional.conv2d(x, state["conv_blocks.22.weight"], padding: [1]).sigmoid();
        Assert.True(x.allclose(net.call(z), 1e-12, 1e-12));
    }

    [Fact]
    public void Golden_5_the_generator()
    {
        var generator = Generator(new() { Latent = 3, Width = 2 }, 3, 8, 8);
        var net = SineFilled(generator.Module!);
        var z = Rows(3, .5, -1, .25, 1, 0, -.5);
        net.eval();
        var images = generator.Decode(z);
        Close([192.9362856147], images.sum());
        Close([0.5074490352, 0.5081230494, 0.5032788810], images[0, TensorIndex.Colon, 0, 0]);
        net.train();
        images = generator.Decode(z);
        Close([191.7116769545], images.sum());
        Close([0.5501234139, 0.5453624498, 0.5097787645], images[0, TensorIndex.Colon, 0, 0]);
        var norm = net.modules().OfType<BatchNorm2d>().First();
        Close([0.0026399828, 0.0022275328, 0.0011194420], norm.running_mean!.to(ScalarType.Float64)[..3], 1e-8);
        Close([0.9084365777, 0.9065089852, 0.9140192891], norm.running_var!.to(ScalarType.Float64)[..3], 1e-8);
    }

    [Fact]
    public void Golden_5_the_discriminator()
    {
        var net = SineFilled(new PatchDiscriminator([3, 8, 8], 2));
        var x = (arange(192, ScalarType.Float64) / 100).sin().view(1, 3, 8, 8);
        var batch = cat([x, x.flip(3)]);
        net.eval();
        double[] expected =
        [
            0.2163018325,
            -0.0492502651,
            0.0070621282,
            0.1008625621,
            0.2050463416,
            -0.0396273107,
            0.0141723628,
            0.0896642224,
        ];
        Close(expected, net.call(batch).flatten());
        Close(expected, net.Forward(batch, null, []).Logits.flatten());
        net.train();
        Close(
            [
                1.257935647,
                -0.6389671675,
                -0.0702706520,
                0.2021328960,
                1.157810352,
                -0.5979037518,
                -0.0574367663,
                0.1373405467,
            ],
            net.call(batch).flatten()
        );
    }

    [Fact]
    public void Golden_1_a_pixel_changes_the_patches_that_see_it_and_no_other()
    {
        var net = SineFilled(new PatchDiscriminator([3, 32, 32], 2));
        net.eval();
        using var random = new RandomKey(3).NewGenerator(CPU);
        var x = randn([1, 3, 32, 32], ScalarType.Float64, generator: random);
        var before = net.call(x);
        // Patch (i, j) sees rows and columns 4 i - 3 to 4 i + 6.
        bool Sees(int i, int pixel) => 4 * i - 3 <= pixel && pixel <= 4 * i + 6;
        foreach (var (row, column) in new[] { (0, 0), (3, 30), (17, 8), (31, 31), (12, 6), (22, 13) })
        {
            var changed = x.clone();
            changed[0, 1, row, column] += 1;
            var differs = net.call(changed).ne(before);
            for (var i = 0; i < 8; i++)
            for (var j = 0; j < 8; j++)
                Assert.Equal(Sees(i, row) && Sees(j, column), differs[0, 0, i, j].item<bool>());
        }
    }

    [Fact]
    public void Every_second_patch_is_every_second_row_and_column()
    {
        var (all, some) = (
            SineFilled(new PatchDiscriminator([3, 32, 16], 2)),
            SineFilled(new PatchDiscriminator([3, 32, 16], 2, outputStride: 2))
        );
        var x = randn([2, 3, 32, 16], ScalarType.Float64);
        Tensor[] parts = [all.call(x), some.call(x)];
        Assert.Equal([2, 1, 4, 2], parts[1].shape);
        for (var i = 0; i < 4; i++)
        for (var j = 0; j < 2; j++)
            Close(Flat(parts[0][TensorIndex.Colon, 0, 2 * i, 2 * j]), parts[1][TensorIndex.Colon, 0, i, j]);
    }
}
