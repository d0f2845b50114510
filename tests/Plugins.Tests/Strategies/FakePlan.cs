using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Strategies;

/// <summary>A run of linear networks on four samples, without an engine.</summary>
internal sealed class FakePlan(params string[] roles) : IPlanContext
{
    public IReadOnlyCollection<string> TeacherLosses { get; init; } = [];
    public TrainingPlan Training { get; } = new(3, 2, new OptimiserSettings(), _ => 1, ScalarType.Float32);
    public Device Device => CPU;
    public DataInfo Data { get; } = Make.Data([3, 8, 8], 10);
    public IReadOnlyDictionary<string, string> Origin { get; } = new Dictionary<string, string>();
    public IReadOnlyCollection<string> Roles => roles;
    public IReadOnlyCollection<string> Sources { get; init; } = ["train"];
    public IStateRegistry State => throw new NotSupportedException();
    public RandomKey Random => new(1);

    public Trainable TrainableOf(string role, IReadOnlyCollection<string> teachers) =>
        throw new NotSupportedException();

    public Trainable TrainableOf(string role) =>
        roles.Contains(role)
            ? new Trainable(role, Array.Empty<(string, Parameter)>(), null, null)
            : throw new NotSupportedException($"No role '{role}'.");

    public INetwork Network(string role) => throw new NotSupportedException();

    public INetwork NewNetwork(string role, RandomKey key, long classes) => throw new NotSupportedException();

    public void AddRole(string role, INetwork network) => throw new NotSupportedException();

    public void AddRole(string role, INetwork network, string viewsLike) => throw new NotSupportedException();

    public IGenerator Generator(string name) => throw new NotSupportedException();

    public DataInfo SourceData(string source) => Data;

    public long SourceCount(string source) =>
        Sources.Contains(source) ? 4 : throw new KdException(CoreErrors.SourceMissing, $"No source '{source}'.");

    public void AddSource(string name, IDataSource source) => throw new NotSupportedException();

    public void Export(string name, Action<string> write) => throw new NotSupportedException();
}

/// <summary>A step that writes down what a strategy does.</summary>
internal sealed class FakeStep : FakePart, IStepContext
{
    public List<string> Calls { get; } = [];
    public CancellationToken Cancellation => default;

    public Batch Next(string source)
    {
        Calls.Add($"next {source}");
        return Make.Batch(new NoTarget(2));
    }

    public Batch Read(string source, ReadOnlyMemory<long> indices) => throw new NotSupportedException();

    public Batch EvaluationView(string role, Batch batch) => throw new NotSupportedException();

    public Batch View(string role, Batch batch)
    {
        Calls.Add($"view {role}");
        return batch.WithParameter($"view.{role}", zeros(1));
    }

    public ModelOutput Forward(string role, Batch batch, IReadOnlyCollection<string>? taps)
    {
        Calls.Add($"forward {role} on {string.Join(' ', batch.Parameters.Keys)}");
        return new ModelOutput(full([2, 4], role.Length), null, new Dictionary<string, Tensor> { [role] = zeros(1) });
    }

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
        static string Who(ModelOutput? output) => output is null ? "nobody" : output.Features.Keys.Single();
        Calls.Add($"objective {Who(student)} from {Who(teacher)} on {string.Join(' ', batch.Parameters.Keys)}");
        return zeros(1);
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
        Calls.Add($"update {string.Join(' ', trainables.Select(t => t.Name))}");
        return objective();
    }

    public void Apply(Trainable trainable) => throw new NotSupportedException();

    public void Restart(Trainable trainable) => throw new NotSupportedException();

    public void Report(string name, Tensor value) { }

    public void Publish(string name, double value) { }

    public void Visit(string source, long samples, Action<Batch> action) => throw new NotSupportedException();

    public Evaluation Evaluate(string role, string source, long samples) => throw new NotSupportedException();

    public void EndStage(string reason) => throw new NotSupportedException();
}
