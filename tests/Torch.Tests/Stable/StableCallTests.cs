using System.Text;
using KdPlugins.Torch.Native;
using KdPlugins.Torch.Stable;
using KdPlugins.Torch.Tests.Native;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Stable;

public class StableCallTests
{
    private static readonly StableOperator Linear = new("aten::linear");
    private static readonly StableOperator MulInPlace = new("aten::mul_", "Tensor");

    private static Tensor CallLinear(Tensor x, Tensor weight, Tensor? bias)
    {
        var call = new StableCall(Linear, stackalloc ulong[3]);
        call.Push(x);
        call.Push(weight);
        call.PushOptional(bias);
        call.Invoke();
        return call.Take(0);
    }

    [Fact]
    public void An_operator_called_by_name_agrees_with_TorchSharp_and_keeps_the_graph()
    {
        using var scope = NewDisposeScope();
        var x = tensor(
            new float[,]
            {
                { 1, 2 },
                { 3, -1 },
            }
        );
        var w = tensor(
                new float[,]
                {
                    { 1, 0.5f },
                    { -1, 2 },
                    { 0, 1 },
                }
            )
            .requires_grad_(true);
        var b = tensor(new float[] { 1, 2, 3 });
        var y = CallLinear(x, w, b);
        Assert.Equal(nn.functional.linear(x, w, b).data<float>().ToArray(), y.data<float>().ToArray());
        Assert.Equal(x.matmul(w.t()).data<float>().ToArray(), CallLinear(x, w, null).data<float>().ToArray());
        y.sum().backward();
        Assert.Equal(new float[] { 4, 1, 4, 1, 4, 1 }, w.grad!.data<float>().ToArray());
    }

    [Fact]
    public void An_in_place_operator_changes_its_argument()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new float[] { 1, 2 });
        var call = new StableCall(MulInPlace, stackalloc ulong[2]);
        call.Push(x);
        call.Push(tensor(3f));
        call.Invoke();
        call.Drop(0);
        Assert.Equal(new float[] { 3, 6 }, x.data<float>().ToArray());
    }

    [Fact]
    public void A_refusal_names_operator_shapes_dtypes_and_libtorchs_reason()
    {
        using var scope = NewDisposeScope();
        var failure = Assert.Throws<KdException>(() => CallLinear(ones(2, 3), ones(4, 5), null));
        Assert.StartsWith("KDP0002 aten::linear(Float32[2, 3], Float32[4, 5]) failed: ", failure.Message);
        Assert.Contains("mat1 and mat2 shapes cannot be multiplied (2x3 and 5x4)", failure.Message);
        Assert.DoesNotContain("Exception raised from", failure.Message);
    }

    [Fact]
    public void An_operator_that_does_not_exist_is_named()
    {
        var failure = Assert.Throws<KdException>(() =>
        {
            var call = new StableCall(new StableOperator("aten::no_such_thing"), stackalloc ulong[1]);
            call.Invoke();
        });
        Assert.Contains("aten::no_such_thing", failure.Message);
    }

    [Fact]
    public void Every_thread_gets_its_own_failure()
    {
        Parallel.For(
            0,
            400,
            new ParallelOptions { MaxDegreeOfParallelism = 8 },
            i =>
            {
                using var scope = NewDisposeScope();
                var failure = Assert.Throws<KdException>(() => CallLinear(ones(2, i + 2), ones(4, 1), null));
                Assert.Contains($"(2x{i + 2} and 1x4)", failure.Message);
            }
        );
    }

    [Fact]
    public async Task Libtorchs_warnings_still_reach_standard_error_and_no_message()
    {
        var result = await Probe.Run("warning-then-error");
        Assert.Contains("The .grad attribute of a Tensor that is not a leaf Tensor is being accessed", result.Errors);
        Assert.DoesNotContain("cannot be multiplied", result.Errors);
        Assert.StartsWith("KDP0002 aten::matmul(Float32[2, 3], Float32[4, 5]) failed: mat1 and mat2", result.Output);
    }

    [Fact]
    public async Task A_library_that_libtorch_does_not_find_is_not_told_of_in_every_convolution()
    {
        var result = await Probe.Run("convolution-in-double");
        Assert.Equal(("7776", ""), (result.Output.Trim(), result.Errors));
    }

    [Theory]
    [InlineData("[W1130 16:18:50.1 NNPACK.cpp:56] Could not initialize NNPACK! Reason: Unsupported hardware.", true)]
    [InlineData("[W1130 16:18:50.1 TensorBody.h:489] Warning: The .grad attribute of a Tensor is accessed.", false)]
    [InlineData("[E1130 16:18:50.1 shim.cpp:12] Could not initialize NNPACK!", false)]
    public void Only_a_warning_that_nobody_can_heed_is_kept_back(string line, bool isKeptBack) =>
        Assert.Equal(isKeptBack, ErrorText.IsOfNoUse(Encoding.UTF8.GetBytes(line)));

    [Fact]
    public void TorchSharps_own_failures_carry_no_native_stack()
    {
        using var scope = NewDisposeScope();
        var failure = Assert.ThrowsAny<Exception>(() => ones(2, 3).mm(ones(4, 5)));
        Assert.Contains("cannot be multiplied", failure.Message);
        Assert.DoesNotContain("frame #1", failure.Message);
    }

    [Fact]
    public void All_mangled_names_exist_in_this_libtorch()
    {
        NativeRuntime.Start();
        Assert.Empty(MangledSymbols.All.Where(s => !s.IsPresent).Select(s => s.Name));
    }

    [Fact]
    public void A_missing_mangled_name_says_what_is_lost()
    {
        var symbol = new MangledSymbol("libc10.so", "_Znothing", "the feature");
        symbol.Resolve(_ => System.Runtime.InteropServices.NativeLibrary.Load("libc.so.6"));
        var failure = Assert.Throws<KdException>(() => symbol.Address);
        Assert.Equal("KDP0003", failure.Code.Id);
        Assert.Contains("the feature", failure.Message);
    }
}
