using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

/// <summary>
/// What a strategy plans with, without an engine: images [3, 8, 8] of 10 classes in sources of 4 samples, 3 epochs of batches
/// of 2. What it does not have is refused; a test overrides what its strategy asks for.
/// </summary>
/// <param name="roles">The roles that are filled.</param>
public class PlanContextStub(params string[] roles) : IPlanContext
{
    /// <inheritdoc/>
    public TrainingPlan Training { get; init; } = new(3, 2, new OptimiserSettings(), _ => 1, ScalarType.Float32);

    /// <inheritdoc/>
    public Device Device => CPU;

    /// <inheritdoc/>
    public DataInfo Data { get; init; } = Stubs.Data([3, 8, 8], 10);

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Origin { get; init; } = new Dictionary<string, string>();

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Roles => roles;

    /// <inheritdoc/>
    public IReadOnlyCollection<string> TeacherLosses { get; init; } = [];

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Sources { get; init; } = ["train"];

    /// <inheritdoc/>
    public RandomKey Random => new(1);

    /// <inheritdoc/>
    public virtual IStateRegistry State => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual Trainable TrainableOf(string role) =>
        roles.Contains(role)
            ? new(role, Array.Empty<(string, Parameter)>(), null, null)
            : throw new NotSupportedException($"No role '{role}'.");

    /// <inheritdoc/>
    public virtual Trainable TrainableOf(string role, IReadOnlyCollection<string> teachers) => TrainableOf(role);

    /// <inheritdoc/>
    public virtual INetwork Network(string role) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual INetwork NewNetwork(string role, RandomKey key, long classes) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual void AddRole(string role, INetwork network) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual void AddRole(string role, INetwork network, string viewsLike) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual IGenerator Generator(string name) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual DataInfo SourceData(string source) => Data;

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0305</c>: there is no such source.</exception>
    public virtual long SourceCount(string source) =>
        Sources.Contains(source) ? 4 : throw new KdException(CoreErrors.SourceMissing, $"No source '{source}'.");

    /// <inheritdoc/>
    public virtual IDataSource Samples(string source) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual void AddSource(string name, IDataSource source) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual void Export(string name, Action<string> write) => throw new NotSupportedException();
}

/// <summary>
/// What a step sees, without an engine. An update computes its objective and changes nothing, reports go nowhere, and the
/// rest is refused: a test overrides what its steps ask for.
/// </summary>
public class StepContextStub : PartContextStub, IStepContext
{
    /// <inheritdoc/>
    public CancellationToken Cancellation => default;

    /// <inheritdoc/>
    public virtual Batch Next(string source) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual Batch Read(string source, ReadOnlyMemory<long> indices) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual Batch View(string role, Batch batch) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual Batch EvaluationView(string role, Batch batch) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual ModelOutput Forward(string role, Batch batch, IReadOnlyCollection<string>? taps) =>
        throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual ModelOutput Forward(INetwork network, Batch batch, IReadOnlyCollection<string>? taps) =>
        throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual ModelOutput ForwardFrom(string role, ModelOutput basis, IReadOnlyCollection<string>? taps) =>
        throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual ICausalLanguageModel Writer(string role) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual Tensor WithoutGraph(Func<Tensor> compute) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual ModelOutput Through(string role, Batch batch, IReadOnlyCollection<string>? taps) =>
        throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual (ModelOutput, NormStatistics) ThroughNorms(
        string role,
        Batch batch,
        IReadOnlyCollection<string>? taps,
        bool unbiased
    ) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual Tensor Objective(ModelOutput student, ModelOutput? teacher, Batch batch) =>
        throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual Tensor Objective(
        IReadOnlyDictionary<string, ModelOutput> outputs,
        string studentRole,
        string teacherRole,
        Batch batch
    ) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual Tensor Objective(
        IReadOnlyDictionary<string, ModelOutput> outputs,
        string studentRole,
        string teacherRole,
        Batch batch,
        double own,
        double guided
    ) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual Tensor Guidance(ModelOutput student, ModelOutput teacher, Batch batch) =>
        throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual Tensor Update(IReadOnlyList<Trainable> trainables, Func<Tensor> objective) => objective();

    /// <inheritdoc/>
    public virtual void Apply(Trainable trainable) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual void Restart(Trainable trainable) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual void Report(string name, Tensor value) { }

    /// <inheritdoc/>
    public virtual void Publish(string name, double value) { }

    /// <inheritdoc/>
    public virtual Evaluation Evaluate(string role, string source, long samples) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual void Visit(string source, long samples, Action<Batch> action) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual void AsEvaluation(Action action) => throw new NotSupportedException();

    /// <inheritdoc/>
    public virtual void EndStage(string reason) => throw new NotSupportedException();
}
