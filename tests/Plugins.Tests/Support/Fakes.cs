using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests;

/// <summary>What a part sees in a step, without an engine.</summary>
internal class FakePart : IPartContext
{
    public Progress Progress { get; init; } = new("test", 0, 1, 1);
    public RandomKey Random { get; init; } = new(1);
    public Device Device => CPU;
    public bool IsEvaluation { get; init; }

    public ModelOutput Consult(string role, Batch batch, IReadOnlyCollection<string> taps) =>
        throw new NotSupportedException("No test of this project consults a network.");

    public double Value(string name, double fallback) => fallback;
}

internal sealed class FakeLoss(Tensor student, Tensor? teacher, Batch batch) : FakePart, ILossContext
{
    public ModelOutput Student { get; } = Make.Output(student);
    public ModelOutput Teacher =>
        teacher is null ? throw new NotSupportedException("Nobody teaches.") : Make.Output(teacher);
    public bool HasTeacher => teacher is not null;
    public Batch Batch => batch;

    public ModelOutput Output(string role) => throw new NotSupportedException($"No role '{role}'.");

    public void Report(string name, Tensor value) { }
}
