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
        return batch.WithInput(full_like(batch.Input, role.Length)).WithParameter($"view.{role}", zeros(1));
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

    // Of each pair 10 times the student's place and the teacher's.
    public override Tensor Objective(
        IReadOnlyDictionary<string, ModelOutput> outputs,
        string studentRole,
        string teacherRole,
        Batch batch
    )
    {
        Calls.Add(
            $"objective {studentRole} from {teacherRole} on {string.Join(' ', batch.Parameters.Keys)} of {string.Join(' ', outputs.Keys)}"
        );
        return full(1, Places[studentRole] * 10.0 + Places[teacherRole]);
    }

    public Action<Tensor> Updated { get; init; } = _ => { };

    public Dictionary<string, int> Places { get; } = [];

    public override Tensor Update(IReadOnlyList<Trainable> trainables, Func<Tensor> objective)
    {
        Calls.Add($"update {string.Join(' ', trainables.Select(t => t.Name))}");
        var value = base.Update(trainables, objective);
        Updated(value);
        return value;
    }
}
