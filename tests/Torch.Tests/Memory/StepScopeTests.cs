using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Memory;

public class StepScopeTests
{
    // Tensors that other tests dropped would be counted in, and finalised in the middle.
    public StepScopeTests() => Collected();

    internal static void Collected()
    {
        for (var i = 0; i < 2; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
    }

    [Fact]
    public void What_is_made_inside_dies_at_the_end()
    {
        var before = LiveTensors.Count;
        Tensor x,
            y;
        using (var scope = StepScope.Begin())
        {
            x = ones(3);
            y = x + 1;
            Assert.Equal(2, scope.Count);
        }
        Assert.True(x.IsInvalid);
        Assert.True(y.IsInvalid);
        Assert.Equal(before, LiveTensors.Count);
    }

    [Fact]
    public void What_is_kept_lives_on_and_belongs_to_the_enclosing_scope()
    {
        Tensor kept,
            always;
        using (StepScope.Begin())
        {
            using (var inner = StepScope.Begin())
            {
                kept = inner.Keep(ones(2));
                always = inner.KeepAlways(ones(2));
            }
            Assert.Equal(2f, kept.sum().item<float>());
        }
        Assert.True(kept.IsInvalid);
        Assert.Equal(2f, always.sum().item<float>());
        always.Dispose();
    }

    [Fact]
    public void What_is_kept_from_the_outermost_scope_belongs_to_nobody()
    {
        var kept = StepScope.Run(() => ones(2).mul(3));
        Assert.Equal(6f, kept.sum().item<float>());
        kept.Dispose();
    }

    [Fact]
    public void Keeping_reaches_into_scopes_that_were_opened_inside()
    {
        Tensor kept;
        using (var scope = StepScope.Begin())
        {
            using var torchSharps = NewDisposeScope();
            kept = scope.Keep(ones(2));
        }
        Assert.False(kept.IsInvalid);
        kept.Dispose();
    }

    [Fact]
    public void Keeping_what_was_made_elsewhere_changes_nothing()
    {
        using var outer = NewDisposeScope();
        var mine = ones(2);
        var free = ones(2).DetachFromDisposeScope();
        using (var scope = StepScope.Begin())
        {
            scope.Keep(mine);
            scope.Keep(free);
        }
        Assert.True(outer.Contains(mine));
        Assert.False(outer.Contains(free));
        free.Dispose();
    }

    [Fact]
    public void An_exception_frees_the_scope_and_what_was_opened_inside()
    {
        var before = LiveTensors.Count;
        Action step = () =>
        {
            using var scope = StepScope.Begin();
            ones(3);
            var forgotten = StepScope.Begin();
            ones(3);
            NewDisposeScope(); // also forgotten
            ones(3);
            throw new InvalidDataException();
        };
        Assert.Throws<InvalidDataException>(step);
        Assert.Equal(before, LiveTensors.Count);
        // The thread is as it was: a tensor belongs to nobody.
        using var after = ones(1);
        Assert.Equal(before + 1, LiveTensors.Count);
        using (StepScope.Begin()) { }
        Assert.False(after.IsInvalid);
    }

    [Fact]
    public void A_second_close_does_nothing_and_a_closed_scope_keeps_nothing()
    {
        var scope = StepScope.Begin();
        scope.Dispose();
        scope.Dispose();
        Assert.Equal(0, scope.Count);
        using var x = ones(1);
        Assert.Throws<ObjectDisposedException>(() => scope.Keep(x));
    }

    [Fact]
    public void Every_thread_has_its_own_scopes()
    {
        var before = LiveTensors.Count;
        Parallel.For(
            0,
            64,
            new ParallelOptions { MaxDegreeOfParallelism = 8 },
            i =>
            {
                using var scope = StepScope.Begin();
                var x = full(100, (float)i);
                for (var n = 0; n < 20; n++)
                    x = x + 1;
                Assert.Equal(100f * (i + 20), x.sum().item<float>());
                Assert.Equal(22, scope.Count);
            }
        );
        Assert.Equal(before, LiveTensors.Count);
    }

    [Fact]
    public void Closing_on_another_thread_as_after_an_await_is_refused_and_mended_by_the_next_scope()
    {
        var before = LiveTensors.Count;
        using var opened = new ManualResetEventSlim();
        using var refused = new ManualResetEventSlim();
        StepScope? scope = null;
        var opener = new Thread(() =>
        {
            scope = StepScope.Begin();
            ones(3);
            opened.Set();
            refused.Wait();
            StepScope.Begin().Dispose();
        });
        opener.Start();
        opened.Wait();
        var failure = Assert.Throws<KdException>(scope!.Dispose);
        refused.Set();
        opener.Join();
        Assert.Equal("KDP0006", failure.Code.Id);
        Assert.Contains("no await inside", failure.Message);
        Assert.Equal(before, LiveTensors.Count);
    }

    [Fact]
    public void A_module_that_is_made_inside_keeps_its_parameters_and_buffers()
    {
        nn.Module<Tensor, Tensor> net;
        optim.Optimizer optimizer;
        using (StepScope.Begin())
        {
            net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2));
            optimizer = optim.Adam(net.parameters());
            net.forward(randn(2, 1, 4, 4)).square().mean().backward();
            optimizer.step();
        }
        using (StepScope.Begin())
        {
            optimizer.zero_grad();
            net.forward(randn(2, 1, 4, 4)).square().mean().backward();
            optimizer.step();
            Assert.All(net.parameters(), p => Assert.False(p.IsInvalid));
            Assert.All(net.buffers(), b => Assert.False(b.IsInvalid));
        }
        optimizer.Dispose();
        net.Dispose();
    }
}
