using KdPlugins.Torch.Native;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Precision;

public class AutocastTests
{
    private static ScalarType ProductDtype()
    {
        using var scope = NewDisposeScope();
        return ones(2, 2).mm(ones(2, 2)).dtype;
    }

    [Fact]
    public void Products_and_convolutions_run_in_bfloat16_and_losses_in_float32()
    {
        using var scope = NewDisposeScope();
        var x = randn(2, 3, 8, 8);
        using (Autocast.BFloat16(CPU))
        {
            var y = nn.functional.conv2d(x, randn(4, 3, 3, 3));
            Assert.Equal(ScalarType.BFloat16, y.dtype);
            var logits = nn.functional.linear(y.flatten(1), randn(5, 144));
            Assert.Equal(ScalarType.BFloat16, logits.dtype);
            Assert.Equal(ScalarType.Float32, nn.functional.mse_loss(logits, zeros(2, 5)).dtype);
            Assert.Equal(ScalarType.Float32, x.dtype);
        }
        Assert.Equal(ScalarType.Float32, nn.functional.conv2d(x, randn(4, 3, 3, 3)).dtype);
    }

    [Fact]
    public void Scopes_nest_and_restore_what_was_before()
    {
        Assert.False(Autocast.IsEnabled(CPU));
        using (Autocast.BFloat16(CPU))
        {
            Assert.Equal(ScalarType.BFloat16, ProductDtype());
            using (Autocast.Disabled())
            {
                Assert.False(Autocast.IsEnabled(CPU));
                Assert.Equal(ScalarType.Float32, ProductDtype());
                using (Autocast.BFloat16(CPU))
                    Assert.Equal(ScalarType.BFloat16, ProductDtype());
                Assert.Equal(ScalarType.Float32, ProductDtype());
            }
            Assert.True(Autocast.IsEnabled(CPU));
            Assert.Equal(ScalarType.BFloat16, ProductDtype());
        }
        Assert.False(Autocast.IsEnabled(CPU));
        Assert.Equal(ScalarType.Float32, ProductDtype());
    }

    [Fact]
    public void Each_device_type_has_its_own_switch()
    {
        // A CUDA Device cannot even be made without CUDA, its switch can be set.
        using (new AutocastScope([DeviceType.CUDA], enabled: true))
        {
            Assert.True(AutocastState.IsEnabled(DeviceType.CUDA));
            Assert.Equal(ScalarType.BFloat16, AutocastState.GetDtype(DeviceType.CUDA));
            Assert.False(Autocast.IsEnabled(CPU));
            Assert.Equal(ScalarType.Float32, ProductDtype());
        }
        Assert.False(AutocastState.IsEnabled(DeviceType.CUDA));
        Assert.Equal(ScalarType.Float16, AutocastState.GetDtype(DeviceType.CUDA));
    }

    [Fact]
    public void Other_threads_are_not_affected()
    {
        using (Autocast.BFloat16(CPU))
        {
            ScalarType? other = null;
            var thread = new Thread(() => other = ProductDtype());
            thread.Start();
            thread.Join();
            Assert.Equal(ScalarType.Float32, other);
            Assert.Equal(ScalarType.BFloat16, ProductDtype());
        }
    }

    [Fact]
    public void An_exception_inside_leaves_no_trace()
    {
        using var scope = NewDisposeScope();
        Assert.ThrowsAny<Exception>(() =>
        {
            using (Autocast.BFloat16(CPU))
            using (Autocast.Disabled())
            using (Autocast.BFloat16(CPU))
                ones(2, 3).mm(ones(2, 3));
        });
        Assert.False(Autocast.IsEnabled(CPU));
        Assert.Equal(ScalarType.Float32, ProductDtype());
    }

    [Fact]
    public void Closing_on_another_thread_is_refused_and_says_which()
    {
        KdException? failure = null;
        var scope = Autocast.BFloat16(CPU);
        var thread = new Thread(() => failure = Assert.Throws<KdException>(scope.Dispose));
        thread.Start();
        thread.Join();
        Assert.Equal("KDP0007", failure!.Code.Id);
        Assert.Contains($"opened on thread {Environment.CurrentManagedThreadId}", failure.Message);
        Assert.Contains("await", failure.Message);
        scope.Dispose();
        Assert.False(Autocast.IsEnabled(CPU));
    }

    [Fact]
    public void Closing_the_outer_scope_first_is_refused_and_both_can_still_be_closed()
    {
        var outer = Autocast.BFloat16(CPU);
        var inner = Autocast.Disabled();
        Assert.Contains("KDP0007", Assert.Throws<KdException>(outer.Dispose).Message);
        inner.Dispose();
        Assert.True(Autocast.IsEnabled(CPU));
        outer.Dispose();
        outer.Dispose();
        Assert.False(Autocast.IsEnabled(CPU));
    }

    [Fact]
    public void A_device_type_without_autocast_is_refused()
    {
        Assert.Contains(
            "KDP0004",
            Assert.Throws<KdException>(() => Autocast.BFloat16(new Device(DeviceType.META))).Message
        );
        Assert.False(Autocast.IsEnabled(META));
    }

    // A weight is cast once per outermost scope and kept; the next scope must see the new value.
    [Fact]
    public void Changed_weights_are_cast_anew_in_the_next_scope()
    {
        using var scope = NewDisposeScope();
        var w = nn.Parameter(ones(2, 2));
        var x = ones(1, 2);
        float Product()
        {
            using (Autocast.BFloat16(CPU))
            using (Autocast.BFloat16(CPU))
                return x.mm(w).sum().to(ScalarType.Float32).item<float>();
        }
        Assert.Equal(4, Product());
        using (no_grad())
            w.fill_(2);
        Assert.Equal(8, Product());
    }

    [SkippableFact]
    public void Hardware_bfloat16_is_found_where_the_system_lists_it()
    {
        Skip.IfNot(File.Exists("/proc/cpuinfo"));
        var flags = File.ReadLines("/proc/cpuinfo").First(l => l.StartsWith("flags", StringComparison.Ordinal));
        var hardware = flags.Contains("avx512_bf16") || flags.Contains("amx_bf16");
        Assert.Equal(hardware && OneDnnInstructions.AllowBFloat16, Autocast.IsNativeOnCpu);
    }
}
