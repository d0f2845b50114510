using KdPlugins.Torch.Optim;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Operators;

public class NonFiniteTests
{
    public static TheoryData<float> Bad => [float.NaN, float.PositiveInfinity, float.NegativeInfinity];

    [Theory]
    [MemberData(nameof(Bad))]
    public void Tensors_are_named_with_how_many_values_they_have(float bad)
    {
        using var scope = NewDisposeScope();
        var large = full([2, 3, 4, 4], float.MaxValue).contiguous();
        var spoilt = zeros(5, 7);
        spoilt[3, 2] = bad;
        spoilt[4, 6] = bad;
        var found = NonFinite.In([
            new("whole", ones(3, dtype: ScalarType.Int64)),
            new("large", large),
            new("spoilt", spoilt.t()),
            new("half", full([2], bad, dtype: ScalarType.BFloat16)),
            new("none", zeros(0)),
            new("scalar", tensor((double)bad)),
        ]);
        NonFiniteTensor[] expected = [new("spoilt", 2, 35), new("half", 2, 2), new("scalar", 1, 1)];
        Assert.Equal(expected, found);
        Assert.Equal(
            "'spoilt' (2 of 35 values), 'half' (2 of 2 values), 'scalar' (1 of 1 values)",
            NonFiniteTensor.Describe(found)
        );
    }

    [Fact]
    public void Of_many_the_first_five_are_shown()
    {
        var many = Enumerable.Range(0, 7).Select(i => new NonFiniteTensor($"t{i}", 1, 1)).ToList();
        var text = NonFiniteTensor.Describe(many);
        Assert.Contains("'t4'", text);
        Assert.EndsWith(" and 2 tensors more", text);
        Assert.DoesNotContain("more", NonFiniteTensor.Describe(many[..5]));
    }

    [Theory]
    [MemberData(nameof(Bad))]
    public void A_watch_finds_any_value_in_any_gradient_and_changes_none(float bad)
    {
        using var scope = NewDisposeScope();
        Tensor[] gradients =
        [
            randn(33, 7),
            randn(4, 3, 5, 5).ToChannelsLast(),
            full([3], float.MaxValue),
            tensor(-0f),
            ones(1).expand(4), // one value in four places
            randn(2, dtype: ScalarType.Float64),
        ];
        var before = gradients.Select(g => g.clone().contiguous().bytes.ToArray()).ToList();
        using var watch = new GradientWatch(CPU);
        watch.See([]);
        watch.See(gradients);
        Assert.False(watch.HasFound);
        Assert.Equal(before, gradients.Select(g => g.clone().contiguous().bytes.ToArray()));
        for (var i = 0; i < gradients.Length; i++)
        {
            using var other = new GradientWatch(CPU);
            var spoilt = gradients.ToArray();
            var last = arange(gradients[i].numel()).eq(gradients[i].numel() - 1).view(gradients[i].shape);
            spoilt[i] = gradients[i].clone().masked_fill_(last, bad);
            other.See(spoilt);
            Assert.True(other.HasFound);
            // What was seen is not forgotten.
            other.See(gradients);
            Assert.True(other.HasFound);
        }
    }

    [Fact]
    public void A_watch_refuses_what_is_no_gradient() =>
        Assert.Equal(
            "KDP0002",
            Assert.Throws<KdException>(() => new GradientWatch(CPU).See([ones(1, dtype: ScalarType.Int64)])).Code.Id
        );
}
