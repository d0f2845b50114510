using KdPlugins.Torch.Stable;
using KdPlugins.Torch.Tests.Memory;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Stable;

public class StableOperatorTests
{
    private static StableOperator Op(string schema) => StableOperator.FromSchema(schema);

    private static readonly StableOperator Conv = Op(
        "aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=1, SymInt[2] padding=0, SymInt[2] dilation=1, SymInt groups=1) -> Tensor"
    );

    [Fact]
    public void Arguments_left_out_take_the_defaults_of_the_declaration()
    {
        using var scope = NewDisposeScope();
        Tensor x = randn(2, 3, 6, 6),
            w = randn(4, 3, 3, 3),
            b = randn(4);
        Assert.True(Conv.Call(x, w).equal(nn.functional.conv2d(x, w)).all().item<bool>());
        Assert.True(Conv.Call(x, w, b).equal(nn.functional.conv2d(x, w, b)).all().item<bool>());
        var expected = nn.functional.conv2d(x, w, b, [2, 1], [1, 0]);
        var actual = Conv.Call(x, w, b, new long[] { 2, 1 }, new long[] { 1, 0 }, StableArgument.Default, 1);
        Assert.True(actual.equal(expected).all().item<bool>());
        // A single number stands for a list of fixed length.
        Assert.Equal([2, 4, 2, 2], Conv.Call(x, w, StableArgument.None, 2).shape);
    }

    [Fact]
    public void Every_kind_of_argument_arrives()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new float[] { -1, 2 });
        // str, float from a whole number, bool, list of tensors, dtype, optional int, float?
        Assert.Equal(
            nn.functional.gelu(x).data<float>().ToArray(),
            Op("aten::gelu(Tensor self, *, str approximate='none') -> Tensor").Call(x).data<float>().ToArray(),
            (a, b) => MathF.Abs(a - b) < 1e-6f
        );
        var tanh = Op("aten::gelu(Tensor self, *, str approximate='none') -> Tensor").Call(x, "tanh");
        Assert.InRange(tanh[1].item<float>(), 1.9545f, 1.9547f);
        Assert.Equal(
            [0f, 0],
            Op("aten::dropout(Tensor input, float p, bool train) -> Tensor").Call(x, 1, true).data<float>().ToArray()
        );
        var stacked = Op("aten::stack(Tensor[] tensors, int dim=0) -> Tensor").Call(new[] { x, x }, -1);
        Assert.Equal([2, 2], stacked.shape);
        var sum = Op(
            "aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor"
        );
        Assert.Equal(float64, sum.Call(x, new long[] { 0 }, true, float64).dtype);
        Assert.Equal([], sum.Call(x, StableArgument.None).shape);
        var cdist = Op("aten::cdist(Tensor x1, Tensor x2, float p=2, int? compute_mode=None) -> Tensor");
        Assert.Equal(
            3f,
            cdist
                .Call(
                    tensor(
                        new float[,]
                        {
                            { 0, 0 },
                        }
                    ),
                    tensor(
                        new float[,]
                        {
                            { 1, 2 },
                        }
                    ),
                    1.0
                )
                .item<float>()
        );
    }

    [Fact]
    public void Several_results_and_lists_of_results_are_given_in_order()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new float[] { 3, 1, 2 });
        var sorted = Op("aten::sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)")
            .CallAll(x);
        Assert.Equal([1f, 2, 3], sorted[0]!.data<float>().ToArray());
        Assert.Equal([1L, 2, 0], sorted[1]!.data<long>().ToArray());
        var parts = Op("aten::unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]").CallAll(x);
        Assert.Equal([3f, 1, 2], parts.Select(p => p!.item<float>()));
        var grads = Op(
            "aten::_backward(Tensor self, Tensor[] inputs, Tensor? gradient=None, bool? retain_graph=None, bool create_graph=False) -> ()"
        );
        var w = ones(2).requires_grad_(true);
        Assert.Empty(grads.CallAll((w * 3).sum(), new[] { w }));
        Assert.Equal([3f, 3], w.grad!.data<float>().ToArray());
    }

    [Fact]
    public void Results_join_the_scope_and_nothing_leaks()
    {
        var mean = Op(
            "aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor"
        );
        using var x = ones(16, dtype: int64);
        void Calls(int count)
        {
            for (var i = 0; i < count; i++)
            {
                using var scope = StepScope.Begin();
                // A tensor, an optional list and an optional dtype: everything the call has to free.
                mean.Call(x, new long[] { 0 }, false, float32);
            }
        }
        Calls(3000);
        StepScopeTests.Collected();
        var tensors = LiveTensors.Count;
        // The smallest thing that could leak takes 32 bytes, 160 KB in each round.
        Assert.InRange(NativeGrowth.Smallest(5, () => Calls(5000)), -10_000_000, 80_000);
        Assert.Equal(tensors, LiveTensors.Count);
    }

    [Fact]
    public void What_libtorch_refuses_is_told_with_operator_and_shapes()
    {
        using var scope = NewDisposeScope();
        var failure = Assert.Throws<KdException>(() => Conv.Call(ones(1, 3, 4, 4), ones(2, 4, 3, 3)));
        Assert.StartsWith(
            "KDP0002 aten::conv2d(Float32[1, 3, 4, 4], Float32[2, 4, 3, 3]) failed: Given groups=1",
            failure.Message
        );
    }

    [Fact]
    public void Arguments_that_are_not_those_of_the_declaration_are_refused_before_the_call()
    {
        using var scope = NewDisposeScope();
        Tensor x = ones(1, 1, 3, 3),
            w = ones(1, 1, 3, 3);
        Assert.Contains("needs an argument for 'weight' (Tensor), which has no default", Wrong(() => Conv.Call(x)));
        Assert.Contains(
            "got Float32[1, 1, 3, 3] for 'groups', expected SymInt",
            Wrong(() => Conv.Call(x, w, null as Tensor, 1, 0, 1, x))
        );
        Assert.Contains("got 0.5 for 'stride', expected SymInt[2]", Wrong(() => Conv.Call(x, w, null as Tensor, 0.5)));
        Assert.Contains(
            "got 3 items for 'stride', expected SymInt[2]",
            Wrong(() => Conv.Call(x, w, null as Tensor, new long[] { 1, 1, 1 }))
        );
        Assert.Contains("takes 7 arguments, got 8", Wrong(() => Conv.Call(x, w, null as Tensor, 1, 0, 1, 1, 1)));
        Assert.Contains("got None for 'weight', expected Tensor", Wrong(() => Conv.Call(x, StableArgument.None)));
        var gone = ones(1);
        gone.Dispose();
        Assert.Contains("got a disposed tensor for 'input'", Wrong(() => Conv.Call(gone, w)));
        var sort = Op("aten::sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)");
        Assert.Contains("has 2 results; call CallAll", Wrong(() => sort.Call(x)));
        Assert.Contains("It is declared aten::sort(Tensor self", Wrong(() => sort.CallAll(x, 1, 1)));
        Assert.Contains(
            "list with an absent tensor",
            Wrong(() => Op("aten::stack(Tensor[] tensors, int dim=0) -> Tensor").Call(new Tensor[] { x, null! }))
        );
    }

    private static string Wrong(Action call)
    {
        var failure = Assert.Throws<KdException>(call);
        Assert.Equal("KDP0009", failure.Code.Id);
        return failure.Message;
    }

    [Theory]
    [InlineData("aten::mish(Tensor self)", "has not the form")]
    [InlineData("mish(Tensor self) -> Tensor", "its name has no namespace")]
    [InlineData(
        "aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
        "'Scalar alpha=1' is of a type that cannot be passed"
    )]
    [InlineData("aten::equal(Tensor self, Tensor other) -> bool", "its results bool are not all tensors")]
    [InlineData("aten::x(Tensor) -> Tensor", "'Tensor' has not the form Type name")]
    [InlineData("aten::x(Tensor a=7) -> Tensor", "the default 7 of 'a' cannot be read")]
    [InlineData(
        "aten::linear(Tensor input, Tensor weight) -> Tensor",
        "It declares: aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor"
    )]
    [InlineData("aten::no_such_thing(Tensor self) -> Tensor", "It has no aten::no_such_thing")]
    [InlineData(
        "mkldnn::_convolution_pointwise(Tensor X) -> Tensor Y",
        "It declares: mkldnn::_convolution_pointwise(Tensor X, Tensor W"
    )]
    public void A_declaration_that_is_not_libtorchs_is_refused(string schema, string reason)
    {
        var failure = Assert.Throws<KdException>(Op(schema).Check);
        Assert.Equal(failure.Message, Assert.Throws<KdException>(() => Op(schema).CallAll()).Message);
        Assert.Equal("KDP0008", failure.Code.Id);
        Assert.Contains(reason, failure.Message);
    }

    [Fact]
    public void The_same_declaration_is_looked_up_once() =>
        Assert.Same(Op("aten::mish(Tensor self) -> Tensor"), Op("aten::mish(Tensor self) -> Tensor"));
}
