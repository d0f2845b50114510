using KdPlugins.Core;
using KdPlugins.Losses;
using KdPlugins.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Sokd.Tests;

/// <summary>A step on given logits, float64, whose objective is cross-entropy and kd, and which writes down each part.</summary>
internal sealed class StepStub : StepContextStub
{
    private readonly IDistillationLoss[] _losses =
    [
        Stubs.Plugin<CrossEntropyLoss>(new CrossEntropyOptions()),
        Stubs.Plugin<KdLoss>(new KdOptions()),
    ];

    private readonly Tensor _trunk = ones(2, 1, dtype: ScalarType.Float64);

    // What nobody trains answers without graph.
    public StepStub() =>
        Networks = new Dictionary<string, Func<Tensor, ModelOutput>>
        {
            ["teacher"] = _ =>
                Stubs.Output(Teacher.detach(), null, new Dictionary<string, Tensor> { ["layer2"] = _trunk }),
        };

    public Tensor Teacher { get; } = Rows(2, 1, 0, -1, .5, -1, 0, 1, 4, 0).requires_grad_(true);

    public Tensor Student { get; } = Rows(1, 2, .5, -1, 0, 0, 1, 0, 3, -1).requires_grad_(true);

    public Tensor Bridge { get; } = Rows(1.5, 1, 0, -.5, 0, -.5, .5, 1, 2, 0).requires_grad_(true);

    /// <summary>Each loss's value by "role by teacher: number of the loss".</summary>
    public Dictionary<string, double> Parts { get; } = [];

    public double Total { get; private set; }

    private static Tensor Rows(params double[] values) => tensor(values).view(2, 5);

    public override Batch Next(string source) =>
        new(zeros(2, 1), new ClassIndexTarget(tensor(new long[] { 0, 3 })), arange(2, ScalarType.Int64));

    public override Batch View(string role, Batch batch)
    {
        Assert.Equal("student", role);
        return batch;
    }

    public override ModelOutput Forward(string role, Batch batch, IReadOnlyCollection<string>? taps)
    {
        Assert.Equal("student", role);
        return Stubs.Output(Student);
    }

    public override ModelOutput ForwardFrom(string role, ModelOutput basis, IReadOnlyCollection<string>? taps)
    {
        Assert.Equal("bridge", role);
        Assert.Same(_trunk, basis.Feature("layer2"));
        return Stubs.Output(Bridge);
    }

    public override Tensor Objective(
        IReadOnlyDictionary<string, ModelOutput> outputs,
        string studentRole,
        string teacherRole,
        Batch batch,
        double own,
        double guided
    )
    {
        var total = zeros(1, dtype: ScalarType.Float64).squeeze();
        foreach (var (loss, weight) in _losses.Zip([own, guided]).Where(part => part.Second != 0))
        {
            var value = loss.Compute(new LossContextStub(outputs[studentRole], outputs[teacherRole], batch));
            var name = loss.NeedsTeacher ? "kd" : "ce";
            Parts.Add($"{name} {studentRole} {teacherRole}", value.item<double>());
            total = total + value * weight;
        }
        return total;
    }

    public override Tensor Update(IReadOnlyList<Trainable> trainables, Func<Tensor> objective)
    {
        Assert.Equal(["bridge", "student"], trainables.Select(t => t.Name));
        var total = objective();
        total.backward();
        Total = total.item<double>();
        return total.detach();
    }
}
