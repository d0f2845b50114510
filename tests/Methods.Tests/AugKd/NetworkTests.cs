using KdPlugins.Core;
using KdPlugins.Generators;
using KdPlugins.Sdk;
using KdPlugins.Testing;
using KdPlugins.Torch.Weights;
using TorchSharp;
using static KdPlugins.AugKd.Tests.Goldens;
using static TorchSharp.torch;

namespace KdPlugins.AugKd.Tests;

/// <summary>Golden numbers 9 to 14 of the sheet: whole networks and whole losses, in doubles.</summary>
public sealed class NetworkTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static UpsampleGeneratorNet Generator() => Formula(new UpsampleGeneratorNet(Latent, 256, 3, 32, 32));

    private static LatentEncoder Encoder(long classes = Classes) =>
        Formula(new LatentEncoder([3, 32, 32], classes, Latent));

    private static AnchorNet Anchor(long classes = Classes) => Formula(new AnchorNet(Latent, classes));

    private static ToyNetwork Teacher() => Formula(new ToyNetwork());

    private static ToyNetwork Student() => Formula(new ToyNetwork(), 10);

    private static T Eval<T>(T module)
        where T : nn.Module
    {
        module.eval();
        return module;
    }

    private static void StartsWith(double[] expected, Tensor actual)
    {
        var values = Flat(actual);
        for (var i = 0; i < expected.Length; i++)
            Close(expected[i], values[i], 2e-9);
    }

    [Theory]
    [InlineData(100, 2026051)]
    [InlineData(256, 4581955)]
    public void The_generator_has_as_many_values_as_the_published_one(int latent, long expected) =>
        Assert.Equal(expected, new UpsampleGeneratorNet(latent, 256, 3, 32, 32).parameters().Sum(p => p.numel()));

    [Theory]
    [InlineData(100, 31, 3681884)]
    [InlineData(100, 65, 3716700)]
    [InlineData(100, 12, 3662428)]
    [InlineData(256, 31, 8794004)]
    public void The_encoder_has_as_many_values_as_the_published_one(int latent, int classes, long expected) =>
        Assert.Equal(expected, new LatentEncoder([3, 32, 32], classes, latent).parameters().Sum(p => p.numel()));

    [Theory]
    [InlineData(100, 31, 74052)]
    [InlineData(100, 65, 77452)]
    [InlineData(100, 12, 72152)]
    [InlineData(256, 31, 468732)]
    public void The_anchor_net_has_as_many_values_as_the_published_one(int latent, int classes, long expected) =>
        Assert.Equal(expected, new AnchorNet(latent, classes).parameters().Sum(p => p.numel()));

    public static TheoryData<string, string> PublishedNames =>
        new()
        {
            {
                "generator",
                "decoder.1.weight decoder.2.* decoder.5.weight decoder.6.* decoder.8.+ embed.0.+ embed.2.*"
            },
            {
                "encoder",
                "embed_class.0.+ embed_data.+ encoder.0.* encoder.2.0.weight encoder.2.1.* encoder.4.0.weight encoder.4.1.* "
                    + "encoder.5.0.+ encoder.5.1.* fc_mu.+ fc_var.+"
            },
            {
                "anchor",
                "embed_class.+ mask.0.+ mask.1.+ mask.2.+ mask.3.* module.1.+ module.11.+ module.2.* module.4.+ module.5.* "
                    + "module.7.+ module.8.*"
            },
        };

    // "+" stands for weight and bias, "*" for these and a batch norm's buffers.
    [Theory]
    [MemberData(nameof(PublishedNames))]
    public void A_published_file_loads_and_no_tensor_has_another_name(string network, string layers)
    {
        nn.Module Make() =>
            network switch
            {
                "generator" => new UpsampleGeneratorNet(6, 8, 3, 8, 8),
                "encoder" => new LatentEncoder([3, 8, 8], 4, 6, 4),
                _ => new AnchorNet(6, 4),
            };
        string[] affine = ["bias", "weight"];
        string[] norm = ["bias", "num_batches_tracked", "running_mean", "running_var", "weight"];
        var names = layers
            .Split(' ')
            .SelectMany(l => l[^1] is '+' or '*' ? (l[^1] == '+' ? affine : norm).Select(t => l[..^1] + t) : [l]);
        var (from, to) = (Make(), Make());
        var state = ModuleWeights.State(from);
        Assert.Equal(names.Order(StringComparer.Ordinal), state.Keys.Order(StringComparer.Ordinal));
        ModuleNames.Verify(from);
        var path = Path.GetTempFileName();
        try
        {
            WeightTensors.Save(state, path);
            Assert.True(ModuleWeights.Load(to, path).IsComplete);
        }
        finally
        {
            File.Delete(path);
        }
        Assert.All(ModuleWeights.State(to), t => Assert.True(t.Value.equal(state[t.Key]).all().item<bool>(), t.Key));
    }

    [Fact]
    public void Golden_9_the_generator()
    {
        var generator = Generator();
        generator.eval();
        var image = generator.call(Z);
        StartsWith([0.528597791, 0.558759491, 0.579665553, 0.585423315], image);
        Close(3638.5324479, Value(image.sum()), 1e-6);
        generator.train();
        image = generator.call(Z);
        StartsWith([0.625541822, 0.744945402, 0.830591192, 0.854319568], image);
        Close(3738.8897456, Value(image.sum()), 1e-6);
    }

    [Fact]
    public void Golden_10_the_encoder()
    {
        var (mu, logVariance) = Eval(Encoder()).Encode(X, Y);
        StartsWith([-10.842591492, -8.091365195, -3.545707446, 1.778935294], mu);
        Close(26.9774015, Value(mu.sum()), 1e-6);
        Close(-125.653385, Value(logVariance.sum()), 1e-6);
    }

    [Fact]
    public void Golden_11_the_anchor_net()
    {
        var (moved, mask) = Eval(Anchor()).Move(Z, Y);
        StartsWith([-0.009028999, 0.336328902, 0.674287912, 0.895698686], moved);
        Close(2.565515, Value(moved.sum()), 1e-6);
        StartsWith([0.036983312, 0.022108824, 0, 0], mask);
        Close(1.6421734, Value(mask.sum()), 1e-7);
        Assert.Equal(100, mask.ne(0).sum().item<long>());
    }

    [Fact]
    public void Golden_12_the_anchor_stages_loss()
    {
        var z = Eval(Encoder()).Encode(X, Y).Mu;
        var (moved, mask) = Eval(Anchor()).Move(z, Y);
        var logits = Eval(Teacher()).call(Normalise(Eval(Generator()).call(moved)));
        var terms = AugKdLosses.Anchor(logits, Y, mask, 0.25, Uncertainty.Energy, MaskPenalty.BatchSum);
        Close(-6.3026558, Value(terms.Uncertainty), 1e-7);
        Close(1.6421734, Value(mask.sum()), 1e-7);
        Close(7.2597862, Value(terms.CrossEntropy), 1e-7);
        Close(67.7811494, Value(terms.Total), 1e-7);
    }

    [Fact]
    public void Golden_13_the_data_free_stages_losses_and_the_generators_gradient()
    {
        var (generator, teacher, student) = (Generator(), Eval(Teacher()), Student());
        var image = generator.call(Z);
        var (logits, norms) = NormStatistics.During(teacher, unbiased: true, () => teacher.call(Normalise(image)));
        Assert.Single(norms.Norms);
        var (mean, variance) = norms.Difference;
        var terms = AugKdLosses.Generator(logits, student.call(Normalise(image)), mean, variance);
        Close(0.0179120, Value(terms.Divergence), 1e-7);
        Close(3.1982071, Value(terms.CrossEntropy), 1e-7);
        Close(-29.7515546, 20 * Value(terms.Diversity), 1e-7);
        Close(2.9303225, Value(linalg.vector_norm(mean)), 1e-7);
        Close(0.8815839, Value(linalg.vector_norm(variance)), 1e-7);
        Close(-22.7593531, Value(terms.Total(20, 1)), 1e-7);
        Assert.Equal([30, 30], logits.argmax(1).data<long>().ToArray());

        terms.Total(20, 1).backward();
        var bias = Flat(generator.parameters().Last().grad!);
        Close(1.4262315, bias[0], 1e-7);
        Close(1.4706080, bias[1], 1e-7);
        Close(1.3567860, bias[2], 1e-7);

        Close(0.0179120, Value(AugKdLosses.Divergences(student.call(Normalise(image)), logits, 1).mean()), 1e-7);
        var (mu, logVariance) = Encoder().Encode(image.detach(), logits.argmax(1));
        Close(287.3328418, Value(AugKdLosses.Inversion(mu, Z, mu, logVariance)), 1e-6);
    }

    [Fact]
    public void Golden_14_the_mixup_stages_loss_adopted_and_published()
    {
        var (generator, teacher, student) = (Eval(Generator()), Eval(Teacher()), Eval(Student()));
        var z = Eval(Encoder()).Encode(X, Y).Mu;
        var moved = Eval(Anchor()).Move(z, Y).Anchor;
        var mixed = Mix.Images(0.4, X, z, moved, v => generator.call(v));
        Close(3507.3460584, Value(mixed.sum()), 1e-6);

        var real = new Batch(X, new ClassIndexTarget(Y), zeros(2, ScalarType.Int64));
        var loss = Stubs.Plugin<AugKdMixLoss>(new AugKdMixOptions());
        double Loss(Batch batch, INetwork target) =>
            Value(
                loss.Compute(
                    new LossContextStub(
                        student.Forward(batch.Input, null!, []),
                        target.Forward(batch.Input, null!, []),
                        batch
                    )
                )
            );
        var raw = Mix.Both(real, Normalise(mixed));
        var both = Mix.Both(real, mixed);
        Close(1.7118589, Loss(raw, student), 1e-7);
        Close(1.7074162, Loss(both.WithInput(Normalise(both.Input)), teacher), 1e-7);
        Close(1.7146241, Loss(raw, teacher), 1e-7);
    }

    [Fact]
    public void Gradients_flow_through_generator_and_anchor_net_to_the_latent_vector()
    {
        var generator = Eval(Formula(new UpsampleGeneratorNet(3, 8, 1, 4, 4)));
        var anchor = Eval(Formula(new AnchorNet(3, 4)));
        var z = tensor(
            new[,]
            {
                { 0.3, -0.2, 0.9 },
                { 0.1, 0.5, -0.4 },
            }
        );
        var error = GradientCheck.Error(v => generator.call(anchor.Move(v, Y).Anchor).square().sum(), z);
        Assert.InRange(error, 0, 1e-7);
    }

    [Fact]
    public void The_anchor_nets_gradients_do_not_depend_on_what_memory_held_before()
    {
        var anchor = new AnchorNet(6, 4);
        for (var round = 0; round < 30; round++)
        {
            using var scope = NewDisposeScope();
            var (z, y) = (rand(16, 6).requires_grad_(true), randint(4, 16, ScalarType.Int64));
            anchor.zero_grad();
            var (moved, mask) = anchor.Move(z, y);
            LeaveNaN();
            (moved.square().sum() + mask.sum()).backward();
            foreach (var parameter in anchor.parameters())
                Assert.True(parameter.grad!.isfinite().all().item<bool>(), $"round {round}");
        }

        // Blocks of many sizes, filled and given back: whoever takes one without writing to it finds NaN.
        static void LeaveNaN()
        {
            using var scope = NewDisposeScope();
            for (var size = 16; size <= 65536; size += Math.Max(16, size / 2))
            for (var copies = 0; copies < 6; copies++)
                full([size], float.NaN);
        }
    }

    [Fact]
    public void Images_of_any_multiple_of_four_are_made_and_encoded()
    {
        var image = new UpsampleGeneratorNet(5, 16, 1, 8, 12).call(rand(2, 5));
        Assert.Equal([2, 1, 8, 12], image.shape);
        Assert.True((image > 0).logical_and(image < 1).all().item<bool>());
        Assert.Equal([2, 5], new LatentEncoder([1, 8, 12], 3, 5, 4).Encode(image, Y).Mu.shape);
    }
}
