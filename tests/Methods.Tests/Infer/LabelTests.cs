using KdPlugins.Core;
using KdPlugins.Losses;
using KdPlugins.Testing;
using static KdPlugins.Infer.Tests.Goldens;
using static TorchSharp.torch;

namespace KdPlugins.Infer.Tests;

/// <summary>The student's loss: the divergence at temperature 30 without its square, on blended mean logits.</summary>
public sealed class LabelTests
{
    private static Tensor Loss(Tensor student, Tensor teacher, bool scaled = false)
    {
        var loss = Stubs.Plugin<KdLoss>(new KdOptions { Temperature = 30, Scaled = scaled });
        var batch = new Batch(zeros(student.shape[0], 2), new NoTarget(student.shape[0]), arange(student.shape[0]));
        return loss.Compute(new LossContextStub(Stubs.Output(student), Stubs.Output(teacher), batch));
    }

    private static Tensor Target(Tensor logits) => KdMath.LogProbabilities(logits, 30).exp();

    [Fact]
    public void Golden_5_targets_at_temperature_30()
    {
        using var _ = NewDisposeScope();
        Near([0.7310586, 0.2689414], Target(T(30, 0).view(1, 2)));
        var pair = T(30, 0, 0, 30).view(2, 2);
        Near([0.3775407, 0.6224593], Target(LabelMath.Blend(pair, Partners, 0.25)[..1]));
    }

    [Fact]
    public void Golden_5_the_divergence_has_no_squared_temperature()
    {
        using var _ = NewDisposeScope();
        Near(0.1109441, Loss(T(0, 0).view(1, 2), T(30, 0).view(1, 2)));
        Near(99.85, Loss(T(0, 0).view(1, 2), T(30, 0).view(1, 2), scaled: true), 0.005);
    }

    [Fact]
    public void Golden_5_a_static_batch_with_gradient()
    {
        using var _ = NewDisposeScope();
        Near([2.4, 4.1, 1.6, 2.9], LabelMath.Blend(Inputs, Partners, Share));
        var taught = LabelMath.Blend(StoredLogits, Partners, Share);
        Near([0.2910176, 0.2479889, 0.4609935, 0.4892024, 0.2579527, 0.2528449], Target(taught));
        var student = StudentLogits.requires_grad_(true);
        var loss = Loss(student, taught);
        loss.backward();
        Near(0.0496856, loss);
        Near([0.0011449, 0.0011137, -0.0022586, -0.0027819, 0.0014425, 0.0013394], student.grad!);
        Assert.InRange(GradientCheck.Error(s => Loss(s, taught), StudentLogits), 0, 1e-9);
    }

    [Fact]
    public void Golden_6_teachers_logits_are_averaged_not_their_probabilities()
    {
        using var _ = NewDisposeScope();
        var mean = LabelMath.MeanLogits([T(30, 0), T(0, 0), T(60, 30), T(0, 0)]);
        Near([22.5, 7.5], mean);
        Near([0.6224593, 0.3775407], Target(mean.view(1, 2)));
    }

    [Fact]
    public void Golden_6_a_dynamic_batch_is_labelled_after_blending()
    {
        using var _ = NewDisposeScope();
        var seen = LabelMath.Blend(Inputs, Partners, Share);
        var taught = LabelMath.MeanLogits([.. Enumerable.Range(1, 4).Select(m => Teacher(m, seen))]);
        Near([0.7068767, 0.1743136, 0.1188097, 0.5884094, 0.2313865, 0.1802040], Target(taught));
        Near(0.2030555, Loss(StudentLogits, taught));
    }
}
