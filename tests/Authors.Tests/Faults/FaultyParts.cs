using KdPlugins.Authors.Tests.Kit;
using KdPlugins.Core;
using KdPlugins.Sdk;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Authors.Tests.Faults;

// Losses and augmentations with one mistake each that an author makes.

/// <summary>Two heads, of which the value depends on one.</summary>
[KdLoss("unused-head-loss")]
public sealed class UnusedHeadLoss : MutantLoss
{
    private readonly Linear _used = nn.Linear(5, 5);
    private readonly Sequential _heads;

    public UnusedHeadLoss() => _heads = nn.Sequential(("used", _used), ("spare", nn.Linear(5, 5)));

    public override nn.Module Module => _heads;

    public override Tensor Compute(ILossContext context) =>
        Good(context) + _used.call(context.Student.Logits).square().mean();
}

/// <summary>A bare list registers nothing that it holds.</summary>
[KdLoss("bare-list-loss")]
public sealed class BareListLoss : MutantLoss
{
    private readonly ModuleList<Linear> _heads = new(nn.Linear(5, 5));

    public override nn.Module Module => _heads;

    public override Tensor Compute(ILossContext context) => Good(context);
}

[KdLoss("matmul-loss")]
public sealed class MatmulLoss : MutantLoss
{
    public override Tensor Compute(ILossContext context) =>
        Good(context) + context.Student.Logits.matmul(context.Teacher.Logits.t()).mean();
}

[KdLoss("own-dice-loss")]
public sealed class OwnDiceLoss : MutantLoss
{
    private readonly Random _dice = new(1);

    public override Tensor Compute(ILossContext context) => Good(context) * (1 + _dice.NextDouble());
}

[KdLoss("stopwatch-loss")]
public sealed class StopwatchLoss : MutantLoss
{
    public override Tensor Compute(ILossContext context)
    {
        var began = System.Diagnostics.Stopwatch.GetTimestamp();
        var value = Good(context);
        return System.Diagnostics.Stopwatch.GetElapsedTime(began).TotalHours > 1 ? value * 2 : value;
    }
}

[KdLoss("parallel-loss")]
public sealed class ParallelLoss : MutantLoss
{
    public override Tensor Compute(ILossContext context)
    {
        var parts = new Tensor[2];
        Parallel.For(0, 2, i => parts[i] = Good(context).DetachFromDisposeScope());
        return (parts[0] + parts[1]) / 2;
    }
}

/// <summary>One value per sample.</summary>
[KdLoss("row-loss")]
public sealed class RowLoss : MutantLoss
{
    public override Tensor Compute(ILossContext context) =>
        Good(context) + (context.Student.Logits - context.Teacher.Logits).square().mean([1]);
}

[KdLoss("null-loss")]
public sealed class NullLoss : MutantLoss
{
    public override Tensor Compute(ILossContext context) => null!;
}

[KdAugmentation("threaded-noise")]
public sealed class ThreadedNoise : MutantAugmentation
{
    public override Batch Apply(Batch batch, IPartContext context)
    {
        var thread = new Thread(() => { });
        thread.Start();
        thread.Join();
        return Noise(batch, context.Random);
    }
}

[KdAugmentation("ticking-noise")]
public sealed class TickingNoise : MutantAugmentation
{
    public override Batch Apply(Batch batch, IPartContext context) =>
        Noise(batch, Environment.TickCount64 < 0 ? new RandomKey(1) : context.Random);
}
