using System.Diagnostics;
using System.Reflection;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Lifetimes;

/// <summary>Numbers that TorchSharp wraps for a call must outlive it (core/Torch/TorchSharpLifetimes.targets).</summary>
public class NumberLifetimeTests
{
    [Fact]
    public void The_copy_of_TorchSharp_beside_the_program_is_the_marked_one()
    {
        var debuggable = typeof(torch).Assembly.GetCustomAttribute<DebuggableAttribute>();
        Assert.True(debuggable is { IsJITOptimizerDisabled: true });
    }

    // Without the mark this fails within some ten thousand additions, by exception or by a wrong sum.
    [Fact]
    public void Collections_on_another_thread_do_not_take_the_numbers_of_a_running_call()
    {
        using var scope = NewDisposeScope();
        var done = false;
        var collector = new Thread(() =>
        {
            while (!Volatile.Read(ref done))
            {
                GC.Collect(0);
                Thread.Sleep(0);
            }
        });
        collector.Start();
        var counter = tensor(0L);
        var half = tensor(0.0);
        const int additions = 200_000;
        for (var i = 0; i < additions; i++)
        {
            counter.add_(1);
            half.add_(0.5);
        }
        Volatile.Write(ref done, true);
        collector.Join();
        Assert.Equal(additions, counter.item<long>());
        Assert.Equal(additions / 2.0, half.item<double>());
    }
}
