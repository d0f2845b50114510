using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Optim;

public class MemoryTests
{
    // The count is the process's: what other tests left to the finalizer must not go down while we count.
    private static void FinalizeLeftovers()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    public static TheoryData<string> Kinds() => [.. OptimizerZoo.Kinds];

    [Theory, MemberData(nameof(Kinds))]
    public void The_count_of_live_tensors_is_flat_over_200_steps(string kind)
    {
        FinalizeLeftovers();
        using var problem = new Quadratics(ScalarType.Float32);
        using var optimizer = OptimizerZoo.Make(kind, problem);
        var counts = new List<long>();
        for (var t = 0; t < 200; t++)
        {
            problem.Train(optimizer, t, t + 1);
            optimizer.zero_grad();
            using var state = optimizer.ExportState();
            optimizer.ImportState(state);
            state.Dispose();
            counts.Add(Tensor.TotalCount);
        }
        // Parameter "b" gets its state in the second step.
        Assert.All(counts.Skip(1), c => Assert.True(c <= counts[1], $"{c} live tensors, {counts[1]} at first"));
    }

    [Theory, MemberData(nameof(Kinds))]
    public void Disposing_the_optimizer_frees_its_tensors(string kind)
    {
        FinalizeLeftovers();
        using var problem = new Quadratics(ScalarType.Float32);
        var before = Tensor.TotalCount;
        var optimizer = OptimizerZoo.Make(kind, problem);
        problem.Train(optimizer, 0, 3);
        optimizer.Dispose();
        Assert.True(Tensor.TotalCount <= before);
    }

    // The managed handle of a gradient is made anew by TorchSharp; the rest of a step reuses its lists.
    [Fact]
    public void A_step_allocates_no_more_than_the_gradients_handles()
    {
        using var problem = new Quadratics(ScalarType.Float32);
        using var optimizer = OptimizerZoo.Make("adamw", problem);
        problem.SetGradients(1);
        for (var i = 0; i < 3; i++)
            optimizer.step();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
            optimizer.step();
        var perStep = (GC.GetAllocatedBytesForCurrentThread() - before) / 100;
        Assert.InRange(perStep, 1, 2000);
    }
}
