using KdPlugins.Torch.Tests.Native;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Operators;

public class TorchOpsTests
{
    public static TheoryData<long[], long[], long[]> Shapes =>
        new()
        {
            { [3], [3], [] },
            { [2, 3], [3], [2] },
            { [3], [3, 4], [4] },
            { [2, 3], [3, 4], [2, 4] },
            { [5, 1, 2, 3], [6, 3, 4], [5, 6, 2, 4] },
        };

    // The oracle is a loop over broadcast indices, written out for the last two dimensions.
    [Theory]
    [MemberData(nameof(Shapes))]
    public void Matmul_is_the_sum_over_the_inner_dimension(long[] left, long[] right, long[] expected)
    {
        using var scope = NewDisposeScope();
        using var random = RandomScope.Use(1);
        Tensor a = randn(left, dtype: float64),
            b = randn(right, dtype: float64);
        var product = TorchOps.matmul(a, b);
        Assert.Equal(expected, product.shape);
        Tensor a2 = left.Length == 1 ? a.unsqueeze(0) : a,
            b2 = right.Length == 1 ? b.unsqueeze(1) : b;
        var loop = (a2.unsqueeze(-1) * b2.unsqueeze(-3)).sum(-2).reshape(expected);
        Assert.True(product.allclose(loop, 1e-12, 1e-12));
    }

    [Fact]
    public void Matmul_has_a_gradient()
    {
        using var scope = NewDisposeScope();
        var a = ones(2, 3).requires_grad_(true);
        TorchOps.matmul(a, arange(6, dtype: float32).reshape(3, 2)).sum().backward();
        Assert.Equal(new float[] { 1, 5, 9, 1, 5, 9 }, a.grad!.data<float>().ToArray());
    }

    [Fact]
    public void What_does_not_fit_is_refused_with_operator_shapes_and_reason()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(
            "KDP0002 aten::matmul(Float32[2, 3], Float32[4, 5]) failed: mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5). "
                + TorchErrors.NativeCall.Remedy,
            Assert.Throws<KdException>(() => TorchOps.matmul(ones(2, 3), ones(4, 5))).Message
        );
        Assert.Contains(
            "aten::matmul(Float32[2, 3], Float64[3, 5])",
            Assert.Throws<KdException>(() => TorchOps.matmul(ones(2, 3), ones(3, 5, dtype: float64))).Message
        );
        Assert.Contains(
            "aten::cummax(Float32[2]) failed: Dimension out of range",
            Assert.Throws<KdException>(() => TorchOps.cummax(ones(2), 5)).Message
        );
        Assert.Throws<KdException>(() => TorchOps.cummin(ones(2), -3));
    }

    [Fact]
    public void Running_extremes_agree_with_a_loop()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new float[] { 3, 1, 4, 1, 5, 9, 2, 6 });
        var (max, at) = TorchOps.cummax(x, 0);
        Assert.Equal(new float[] { 3, 3, 4, 4, 5, 9, 9, 9 }, max.data<float>().ToArray());
        Assert.Equal(new long[] { 0, 0, 2, 2, 4, 5, 5, 5 }, at.data<long>().ToArray());
        var (min, _) = TorchOps.cummin(x, -1);
        Assert.Equal(new float[] { 3, 1, 1, 1, 1, 1, 1, 1 }, min.data<float>().ToArray());
    }

    [Fact]
    public void Any_single_real_element_can_be_read()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(1e300, TorchOps.item(tensor(1e300)));
        Assert.Equal(double.NaN, TorchOps.item(tensor(float.NaN)));
        Assert.Equal(300, TorchOps.item(tensor(300)));
        Assert.Equal(1, TorchOps.item(tensor(true)));
        Assert.Equal(1.5, TorchOps.item(tensor(1.5f).to(bfloat16)));
        Assert.Equal(2, TorchOps.item((ones(1, 1).requires_grad_(true) * 2)));
        Assert.Contains("Float32[3]", Refusal(() => TorchOps.item(ones(3))));
        Assert.Contains("ComplexFloat64[]", Refusal(() => TorchOps.item(tensor(new System.Numerics.Complex(1, 2)))));
    }

    [Fact]
    public void Less_than_one_thread_is_refused()
    {
        Assert.Contains("set_num_threads got 0", Refusal(() => TorchOps.set_num_threads(0)));
        var before = get_num_threads();
        TorchOps.set_num_threads(before);
        Assert.Equal(before, get_num_threads());
    }

    private static string Refusal(Action call)
    {
        var failure = Assert.Throws<KdException>(call);
        Assert.Equal("KDP0004", failure.Code.Id);
        return failure.Message;
    }

    // Should one of these come back with an error one day, its replacement has lost its reason.
    [Fact]
    public async Task TorchSharps_own_matmul_still_ends_the_process()
    {
        var result = await Probe.Run("torchsharp-matmul");
        Assert.NotEqual(0, result.ExitCode);
        Assert.DoesNotContain("caught", result.Output);
    }
}
