using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Losses;

/// <summary>Where nothing can be compared every loss says so; where something can, it has a gradient.</summary>
public sealed class LossDegenerateTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly Generator _random = new(5, CPU);

    public void Dispose()
    {
        _random.Dispose();
        _scope.Dispose();
    }

    private Tensor Normal(params long[] shape) => randn(shape, ScalarType.Float64, generator: _random);

    private static string Refusal(Action act)
    {
        var failure = Assert.Throws<KdException>(act);
        Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
        return failure.Message;
    }

    [Theory]
    [InlineData("sp", new long[] { 1, 2, 4, 4 }, 2)]
    [InlineData("pkt", new long[] { 1, 3 }, 2)]
    [InlineData("rkd", new long[] { 1, 3 }, 3)]
    [InlineData("rkd", new long[] { 2, 3 }, 3)]
    [InlineData("dist", new long[] { 1, 3 }, 2)]
    public void Too_few_samples(string id, long[] shape, int least)
    {
        var message = Refusal(() => LossUnderTest.Value(id, [Normal(shape)], [Normal(shape)]));
        Assert.Contains($"Loss '{id}'", message);
        Assert.Contains($"at least {least}", message);
        Assert.Contains(TensorText.Shape(shape), message);
        Assert.Contains("training.batchSize", message);
    }

    [Theory]
    [InlineData("kd")]
    [InlineData("dkd")]
    [InlineData("dist")]
    [InlineData("lskd")]
    [InlineData("cross-entropy")]
    public void A_single_class(string id)
    {
        var message = Refusal(() => LossUnderTest.Value(id, [Normal(4, 1)], [Normal(4, 1)], "{}", 0, 0, 0, 0));
        Assert.Contains($"Loss '{id}' compares classes and needs at least 2, got logits [4, 1]", message);
    }

    [Theory]
    [InlineData("kd")]
    [InlineData("lskd")]
    public void A_single_class_per_pixel_or_token(string id)
    {
        foreach (
            var shape in (long[][])
                [
                    [2, 1, 3, 3],
                    [2, 3, 1],
                ]
        )
            Assert.Contains(
                TensorText.Shape(shape),
                Refusal(() => LossUnderTest.Value(id, [Normal(shape)], [Normal(shape)]))
            );
    }

    [Theory]
    [InlineData("at", 1, 1)]
    [InlineData("nst", 1, 1)]
    [InlineData("at", 1, 4)]
    [InlineData("nst", 4, 1)]
    public void Maps_of_one_position(string id, long student, long teacher)
    {
        static NetworkShape Network(long side) => new([3, 8, 8], 10, 0, [new("layer1", [4, side, side], false)]);
        var binding = new LossBinding(
            new Dictionary<string, NetworkShape> { ["student"] = Network(student), ["teacher"] = Network(teacher) },
            Stubs.Data([3, 8, 8], 10),
            100,
            CPU
        );
        var message = Refusal(() => LossUnderTest.New(id, """{ "taps": ["layer1"] }""").Bind(binding));
        Assert.Contains($"Loss '{id}' compares the positions", message);
        Assert.Contains($"layer1 [4, 1, 1] of '{(student == 1 ? "student" : "teacher")}'", message);
    }

    // At each of these edges something is left to compare.
    [Theory]
    [InlineData("at", "{}", new long[] { 1, 1, 2, 1 })]
    [InlineData("nst", "{}", new long[] { 1, 1, 1, 2 })]
    [InlineData("fsp", "{}", new long[] { 1, 1, 1, 1 })]
    [InlineData("sp", "{}", new long[] { 2, 1, 1, 1 })]
    [InlineData("rkd", "{}", new long[] { 3, 1 })]
    [InlineData("pkt", "{}", new long[] { 2, 2 })]
    [InlineData("dist", """{ "intra": 0 }""", new long[] { 1, 3 })]
    [InlineData("dist", """{ "inter": 0 }""", new long[] { 3, 2 })]
    [InlineData("kd", "{}", new long[] { 1, 2 })]
    [InlineData("dkd", """{ "warmUpEpochs": 0 }""", new long[] { 1, 2 })]
    [InlineData("lskd", "{}", new long[] { 1, 3 })]
    [InlineData("cross-entropy", "{}", new long[] { 1, 2 })]
    public void The_smallest_input_that_can_be_compared_teaches(string id, string options, long[] shape)
    {
        Tensor[] Pair() => id == "fsp" ? [Normal(shape), Normal(shape)] : [Normal(shape)];
        var (student, teacher) = (Pair(), Pair());
        // Signs are all that the similarity of two numbers knows.
        if (id == "sp")
            (student, teacher) = ([Numbers(shape, 1, -2)], [Numbers(shape, 1, 3)]);
        foreach (var tensor in student)
            tensor.requires_grad_(true);
        var value = LossUnderTest.Value(id, student, teacher, options);
        value.backward();
        Assert.True(value.item<double>() > 1e-9, value.item<double>().ToString());
        if (id != "sp")
            Assert.True(student[0].grad!.abs().max().item<double>() > 1e-9);
    }

    private static Tensor Numbers(long[] shape, params double[] values) => tensor(values).view(shape);

    [Theory]
    [InlineData("kd")]
    [InlineData("lskd")]
    public void A_mask_is_not_broadcast(string id)
    {
        var (student, teacher) = (Normal(2, 5, 11), Normal(2, 5, 11));
        Tensor Under(Tensor? mask) =>
            LossUnderTest
                .New(id)
                .Compute(Make.Loss(student, teacher, new(zeros(2, 5), mask, new NoTarget(2), arange(2), null)));
        foreach (
            long[] shape in (long[][])
                [
                    [2, 1],
                    [1, 5],
                    [5],
                    [2, 5, 1],
                    [5, 2],
                ]
        )
        {
            var message = Refusal(() => Under(ones(shape, ScalarType.Bool)));
            Assert.Contains($"Loss '{id}' got the mask Bool{TensorText.Shape(shape)}", message);
            Assert.Contains("expected Bool[2, 5]", message);
        }
        Assert.Contains("mask Float32[2, 5]", Refusal(() => Under(ones(2, 5))));
        var all = Under(ones([2, 5], ScalarType.Bool)).item<double>();
        Assert.Equal(Under(null).item<double>(), all, 1e-12);
        // No token counts: nothing to learn.
        Assert.Equal(0, Under(zeros([2, 5], ScalarType.Bool)).item<double>());
    }

    [Fact]
    public void A_mask_of_token_targets_is_not_broadcast()
    {
        var ids = zeros([2, 5], ScalarType.Int64);
        var batch = Make.Batch(new TokenTarget(ids, ones([2, 1], ScalarType.Bool)));
        var message = Refusal(() =>
            LossUnderTest.New("cross-entropy").Compute(Make.Loss(Normal(2, 5, 11), Normal(2, 5, 11), batch))
        );
        Assert.Contains("'cross-entropy' got the mask Bool[2, 1] for positions [2, 5]", message);
    }
}
