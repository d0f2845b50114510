using KdPlugins.Core;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Strategies;

/// <summary>A step that writes down what a strategy does.</summary>
internal sealed class RecordedStep : StepContextStub
{
    public List<string> Calls { get; } = [];

    public override Batch Next(string source)
    {
        Calls.Add($"next {source}");
        return Make.Batch(new NoTarget(2));
    }

    public override Batch View(string role, Batch batch)
    {
        Calls.Add($"view {role}");
        return batch.WithParameter($"view.{role}", zeros(1));
    }

    public override ModelOutput Forward(string role, Batch batch, IReadOnlyCollection<string>? taps)
    {
        Calls.Add($"forward {role} on {string.Join(' ', batch.Parameters.Keys)}");
        return new ModelOutput(full([2, 4], role.Length), null, new Dictionary<string, Tensor> { [role] = zeros(1) });
    }

    public override Tensor Objective(ModelOutput student, ModelOutput? teacher, Batch batch)
    {
        static string Who(ModelOutput? output) => output is null ? "nobody" : output.Features.Keys.Single();
        Calls.Add($"objective {Who(student)} from {Who(teacher)} on {string.Join(' ', batch.Parameters.Keys)}");
        return zeros(1);
    }

    public override Tensor Update(IReadOnlyList<Trainable> trainables, Func<Tensor> objective)
    {
        Calls.Add($"update {string.Join(' ', trainables.Select(t => t.Name))}");
        return base.Update(trainables, objective);
    }
}
