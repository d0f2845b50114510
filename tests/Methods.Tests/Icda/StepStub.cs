using KdPlugins.Core;
using KdPlugins.Testing;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Icda.Tests;

/// <summary>A run of two roles, without an engine.</summary>
internal sealed class PlanStub : IPlanContext
{
    public IReadOnlyCollection<string> TeacherLosses { get; init; } = ["icd"];
    public TrainingPlan Training { get; } = new(3, 2, new OptimiserSettings(), _ => 1, ScalarType.Float32);
    public Device Device => CPU;
    public DataInfo Data { get; } = Stubs.Data([3, 8, 8], 10);
    public IReadOnlyCollection<string> Roles => ["teacher", "student"];
    public IReadOnlyCollection<string> Sources => ["train"];
    public IReadOnlyDictionary<string, string> Origin { get; } = new Dictionary<string, string>();
    public IStateRegistry State => throw new NotSupportedException();
    public RandomKey Random => new(1);

    public Trainable TrainableOf(string role, IReadOnlyCollection<string> teachers) =>
        throw new NotSupportedException();

    public Trainable TrainableOf(string role) => new(role, Array.Empty<(string, Parameter)>(), null, null);

    public INetwork Network(string role) => throw new NotSupportedException();

    public INetwork NewNetwork(string role, RandomKey key, long classes) => throw new NotSupportedException();

    public void AddRole(string role, INetwork network) => throw new NotSupportedException();

    public void AddRole(string role, INetwork network, string viewsLike) => throw new NotSupportedException();

    public IGenerator Generator(string name) => throw new NotSupportedException();

    public long SourceCount(string source) => 4;

    public DataInfo SourceData(string source) => Data;

    public void AddSource(string name, IDataSource source) => throw new NotSupportedException();

    public void Export(string name, Action<string> write) => throw new NotSupportedException();
}

/// <summary>
/// A step that writes down who was compared with whom. A view is named by its role; the student answers a view with its
/// name, the teacher too, in logits (by a code) and in features.
/// </summary>
internal sealed class StepStub : PartContextStub, IStepContext
{
    /// <summary>"student's view | view of the teacher's logits | view of the teacher's features | view of the batch".</summary>
    public List<string> Compared { get; } = [];

    /// <summary>What a role's augmentations make of a batch; the batch itself where there are none.</summary>
    public Dictionary<string, Func<Batch, Batch>> Views { get; init; } =
        new() { ["student"] = b => Named(b, "s"), ["teacher"] = b => Named(b, "t") };

    /// <summary>The objective's value by comparison.</summary>
    public Dictionary<string, double> ValueOf { get; } = [];

    public CancellationToken Cancellation => default;

    internal static Batch Named(Batch batch, string name) =>
        batch.WithInput(batch.Input.clone()).WithParameter($"view.{name}", zeros(1));

    private static string NameOf(Batch batch) =>
        string.Concat(
            batch.Parameters.Keys.Where(k => k.StartsWith("view.", StringComparison.Ordinal)).Select(k => k[5..])
        );

    public Batch Next(string source) => new(zeros(2, 1), new NoTarget(2), arange(2, ScalarType.Int64));

    public Batch View(string role, Batch batch) => Views.TryGetValue(role, out var view) ? view(batch) : batch;

    public ModelOutput Forward(string role, Batch batch, IReadOnlyCollection<string>? taps) =>
        new(
            full([2, 2], NameOf(batch) == "s" ? 1f : 2f),
            null,
            new Dictionary<string, Tensor> { [NameOf(batch)] = zeros(1) }
        );

    public ModelOutput Forward(INetwork network, Batch batch, IReadOnlyCollection<string>? taps) =>
        throw new NotSupportedException();

    public Tensor WithoutGraph(Func<Tensor> compute) => throw new NotSupportedException();

    public ModelOutput Through(string role, Batch batch, IReadOnlyCollection<string>? taps) =>
        throw new NotSupportedException();

    public (ModelOutput, NormStatistics) ThroughNorms(
        string role,
        Batch batch,
        IReadOnlyCollection<string>? taps,
        bool unbiased
    ) => throw new NotSupportedException();

    public Tensor Objective(ModelOutput student, ModelOutput? teacher, Batch batch)
    {
        var logits = teacher!.Logits[0, 0].item<float>() == 1 ? "s" : "t";
        var compared = $"{student.Features.Keys.Single()}|{logits}|{teacher.Features.Keys.Single()}|{NameOf(batch)}";
        Compared.Add(compared);
        return tensor(ValueOf.GetValueOrDefault(compared, 1));
    }

    public Tensor Objective(
        IReadOnlyDictionary<string, ModelOutput> outputs,
        string studentRole,
        string teacherRole,
        Batch batch
    ) => throw new NotSupportedException();

    public Tensor Guidance(ModelOutput student, ModelOutput teacher, Batch batch) => throw new NotSupportedException();

    public Tensor Update(IReadOnlyList<Trainable> trainables, Func<Tensor> objective)
    {
        Updated = objective().item<double>();
        return zeros(1);
    }

    /// <summary>The value of the last objective.</summary>
    public double Updated { get; private set; }

    public void Apply(Trainable trainable) => throw new NotSupportedException();

    public void Restart(Trainable trainable) => throw new NotSupportedException();

    public Batch Read(string source, ReadOnlyMemory<long> indices) => throw new NotSupportedException();

    public Batch EvaluationView(string role, Batch batch) => throw new NotSupportedException();

    public void Visit(string source, long samples, Action<Batch> action) => throw new NotSupportedException();

    public void Report(string name, Tensor value) { }

    public void Publish(string name, double value) { }

    public Evaluation Evaluate(string role, string source, long samples) => throw new NotSupportedException();

    public void EndStage(string reason) => throw new NotSupportedException();
}
