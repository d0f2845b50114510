using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Faults;

/// <summary>Native memory that grows is told of; alone, since it is the process's.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
[Collection(Name)]
public sealed class MemoryWatchTests : FaultRuns
{
    private const string Name = "memory alone";

    [Fact]
    public void A_loop_that_keeps_its_tensors_within_a_step()
    {
        Now.Plan = context =>
            Training(
                context,
                (step, student) =>
                {
                    Learn(step, student);
                    // Until it is told of: a busy machine looks later.
                    for (var i = 0; step.Progress.Step == 1 && i < 1000 && !IsTold("memory"); i++)
                    {
                        ones(1 << 16);
                        Thread.Sleep(10);
                    }
                }
            );
        Run(Recipe(), new() { Patience = TimeSpan.FromMilliseconds(80), MostGrowth = 8 << 20 });
        var told = Assert.Single(Warnings, w => w.Contains("takes more and more memory"));
        Assert.StartsWith("Strategy 'faulty', stage main, step 1 of 3", told);
        Assert.Contains("NewDisposeScope", told);
    }

    [Fact]
    public void Tensors_that_are_kept_from_step_to_step()
    {
        // What earlier tests left is freed now, not meanwhile.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var kept = new List<Tensor>();
        Now.Plan = context =>
            Training(
                context,
                (step, student) =>
                {
                    Learn(step, student);
                    if (IsTold("memory"))
                        return;
                    kept.Add(ones(1 << 16).DetachFromDisposeScope());
                    Thread.Sleep(2);
                },
                600
            );
        Run(Recipe(), new() { Patience = TimeSpan.FromMilliseconds(40), MostGrowth = 8 << 20 });
        kept.ForEach(t => t.Dispose());
        var told = Assert.Single(Warnings, w => w.Contains("memory grows from step to step"));
        Assert.StartsWith("Strategy 'faulty', stage main", told);
    }
}
