using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Operators;

public class GradientsTests
{
    private static Tensor Leaf(params double[] values) => tensor(values).requires_grad_(true);

    private static double[] Values(Tensor? tensor) => tensor!.data<double>().ToArray();

    [Fact]
    public void The_first_three_derivatives_of_a_cube_are_right()
    {
        using var scope = NewDisposeScope();
        var x = Leaf(2, -3);
        var y = (x * x * x).sum();
        var first = Gradients.Of(y, x, createGraph: true);
        var second = Gradients.Of(first.sum(), x, createGraph: true);
        var third = Gradients.Of(second.sum(), x);
        Assert.Equal([12, 27], Values(first));
        Assert.Equal([12, -18], Values(second));
        Assert.Equal([6, 6], Values(third));
        Assert.Null(x.grad);
    }

    [Fact]
    public void Weights_multiply_the_outputs_and_count_as_constants()
    {
        using var scope = NewDisposeScope();
        Tensor x = Leaf(1, 2),
            y = Leaf(5, 7);
        var gradients = Gradients.Of([x * y, x.square()], [x, y], [x, tensor(new double[] { 10, 100 })]);
        // d/dx = w1 * y + w2 * 2x, d/dy = w1 * x, with w1 = x held fixed.
        Assert.Equal([1 * 5 + 10 * 2, 2 * 7 + 100 * 4], Values(gradients[0]));
        Assert.Equal([1, 4], Values(gradients[1]));
    }

    [Fact]
    public void Inputs_inside_the_graph_have_gradients_too_and_grad_stays_as_it_was()
    {
        using var scope = NewDisposeScope();
        var x = Leaf(3);
        x.grad = tensor(new double[] { 42 });
        var inner = x * 2;
        var gradients = Gradients.Of([(inner * inner).sum()], [inner, x]);
        Assert.Equal([12], Values(gradients[0]));
        Assert.Equal([24], Values(gradients[1]));
        Assert.Equal([42], Values(x.grad));
    }

    [Fact]
    public void Only_the_gradients_outlive_the_call_and_they_belong_to_the_callers_scope()
    {
        using var scope = NewDisposeScope();
        var x = Leaf(1, 2);
        var y = x.square().sum();
        var before = scope.DisposablesCount;
        Gradients.Of(y, x);
        Assert.Equal(before + 1, scope.DisposablesCount);
    }

    [Fact]
    public void Higher_order_gradients_leave_no_graph_behind()
    {
        using var outer = NewDisposeScope();
        var x = randn(256, 256).requires_grad_(true);
        void Penalty()
        {
            using var scope = StepScope.Begin();
            var gradient = Gradients.Of(x.square().sum(), x, createGraph: true);
            Gradients.Of(gradient.square().sum(), x);
        }
        // A quarter of a megabyte each: ten graphs of three would be 7 MB in every round.
        var growth = Memory.NativeGrowth.Smallest(
            4,
            () =>
            {
                for (var i = 0; i < 10; i++)
                    Penalty();
            }
        );
        Assert.InRange(growth, -20_000_000, 2_000_000);
    }

    [Fact]
    public void A_mistake_is_an_error_and_not_the_end_of_the_process()
    {
        using var scope = NewDisposeScope();
        Tensor x = Leaf(1, 2),
            unused = Leaf(3);
        Assert.Contains(
            "got input 1, Float64[1], which no output depends on",
            Refusal("KDP0004", () => Gradients.Of([x.sum()], [x, unused]))
        );
        Assert.Null(Gradients.Of([x.sum()], [x, unused], allowUnused: true)[1]);
        Assert.Contains("does not require grad", Refusal("KDP0002", () => Gradients.Of(ones(1), x)));
        Assert.Contains("only for scalar outputs", Refusal("KDP0002", () => Gradients.Of(x * 2, x)));
        Assert.Contains("aten::_backward(Float64[2]", Refusal("KDP0002", () => Gradients.Of(x * 2, x)));
        Assert.Contains("requires no gradient", Refusal("KDP0004", () => Gradients.Of(x.sum(), ones(1))));
        Assert.Contains("1 weights for 2 outputs", Refusal("KDP0004", () => Gradients.Of([x, x], [x], [x])));
        Assert.Contains("no outputs or no inputs", Refusal("KDP0004", () => Gradients.Of([], [x])));
        Assert.Contains("an input twice", Refusal("KDP0004", () => Gradients.Of([x.sum()], [x, x])));
        var once = x.square().sum();
        Gradients.Of(once, x);
        Assert.Contains("second time", Refusal("KDP0002", () => Gradients.Of(once, x)));
        Assert.Null(x.grad);
    }

    private static string Refusal(string code, Action call)
    {
        var failure = Assert.Throws<KdException>(call);
        Assert.Equal(code, failure.Code.Id);
        return failure.Message;
    }
}
