using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Sdk;
using KdPlugins.Testing;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Faults;

/// <summary>What the faulty plugins do in a test; every test has its own, on the thread that trains.</summary>
public sealed class Faults
{
    [ThreadStatic]
    private static Faults? _now;

    public static Faults Now => _now ??= new();

    public Func<IPlanContext, IReadOnlyList<Stage>>? Plan { get; set; }

    public Func<ILossContext, Tensor>? Loss { get; set; }

    public Action<LossBinding>? BindLoss { get; set; }

    public Func<Batch, Batch>? Augment { get; set; }

    public Func<ModelRequest, INetwork>? Create { get; set; }

    public Func<IDataset>? Open { get; set; }

    public Action? BindGenerator { get; set; }

    public nn.Module? Head { get; set; }

    public static void Reset() => _now = null;
}

[KdStrategy("faulty")]
public sealed class FaultyStrategy : DistillationStrategy<NoOptions>
{
    public override IReadOnlyCollection<string> Needs => [Roles.Student];

    public override IReadOnlyList<Stage> Plan(IPlanContext context) => Faults.Now.Plan!(context);
}

[KdLoss("faulty-loss")]
public sealed class FaultyLoss : DistillationLoss<NoOptions>
{
    public override bool NeedsTeacher => false;

    public override nn.Module Module => Faults.Now.Head!;

    public override void Bind(LossBinding binding) => Faults.Now.BindLoss?.Invoke(binding);

    public override Tensor Compute(ILossContext context) =>
        Faults.Now.Loss is { } loss ? loss(context) : context.Student.Logits.square().mean();
}

[KdAugmentation("faulty-augmentation")]
public sealed class FaultyAugmentation : Augmentation<NoOptions>
{
    public override Batch Apply(Batch batch, IPartContext context) =>
        Faults.Now.Augment is { } augment ? augment(batch) : batch;
}

[KdModel("faulty-model")]
public sealed class FaultyModel : ModelPlugin<NoOptions>
{
    public override INetwork Create(ModelRequest request) => Faults.Now.Create!(request);
}

[KdDataset("faulty-data")]
public sealed class FaultyDataset : DatasetPlugin<NoOptions>
{
    public override IDataset Open(string baseFolder) => Faults.Now.Open!();
}

[KdGenerator("faulty-generator")]
public sealed class FaultyGenerator : Generator<NoOptions>
{
    public override nn.Module Module => null!;

    public override void Bind(GeneratorBinding binding) => Faults.Now.BindGenerator?.Invoke();

    public override Batch Sample(long count, Tensor? labels, IPartContext context) => throw new NotSupportedException();
}

/// <summary>Runs of the faulty plugins.</summary>
public abstract class FaultRuns : IDisposable
{
    private protected RecipeRun Runs { get; } =
        new(
            EngineRun.Catalog.With(
                typeof(PlainModel),
                typeof(FaultyStrategy),
                typeof(FaultyLoss),
                typeof(FaultyAugmentation),
                typeof(FaultyModel),
                typeof(FaultyDataset),
                typeof(FaultyGenerator)
            )
        );

    private protected List<string> Warnings { get; } = [];

    /// <summary>Whether a warning has come that says this; it may come from another thread.</summary>
    private protected bool IsTold(string what)
    {
        lock (Warnings)
            return Warnings.Any(w => w.Contains(what));
    }

    private protected static Faults Now => Faults.Now;

    public void Dispose()
    {
        Faults.Reset();
        Runs.Dispose();
    }

    private protected static string Recipe(
        string losses = """{ "id": "faulty-loss" }""",
        string more = "",
        string data = """{ "id": "shapes", "options": { "size": 8, "train": 16, "test": 4 } }""",
        string model = "plain",
        string strategy = "faulty"
    ) =>
        $$"""
            { "name": "faults", "device": "cpu", "dataset": {{data}}, "validation": { "count": 4 },
              "models": { "student": { "id": "{{model}}" } }, "losses": [ {{losses}} ],
              "strategy": { "id": "{{strategy}}" }, "training": { "epochs": 2, "batchSize": 4 } {{more}} }
            """;

    /// <summary>A stage of some steps that trains the student.</summary>
    private protected static IReadOnlyList<Stage> Training(
        IPlanContext context,
        Action<IStepContext, Trainable> step,
        int steps = 3
    )
    {
        var student = context.TrainableOf(Roles.Student);
        return
        [
            new("main", StageLength.Steps(steps), s => step(s, student))
            {
                Trainables = [student],
                Trains = [Roles.Student],
            },
        ];
    }

    private protected static void Learn(IStepContext step, Trainable student) =>
        step.Update([student], () => Objective(step));

    private protected static Tensor Objective(IStepContext step)
    {
        var batch = step.View(Roles.Student, step.Next("train"));
        return step.Objective(step.Forward(Roles.Student, batch, null!), null!, batch);
    }

    private protected ExperimentEnd Run(string recipe, SessionOptions? options = null)
    {
        options ??= new();
        options.Observer = new Listener(Warnings);
        return Experiment.Run(Runs.Read(recipe), Runs.Path("run"), Runs.Catalog, options, new(), default);
    }

    private protected KdPlugins.Torch.KdException Fails(KdPlugins.Torch.ErrorCode code, params string[] says) =>
        FailsOn(code, Recipe(), says);

    private protected KdPlugins.Torch.KdException FailsOn(
        KdPlugins.Torch.ErrorCode code,
        string recipe,
        params string[] says
    )
    {
        var failure = Assert.Throws<KdPlugins.Torch.KdException>(() => Run(recipe));
        Assert.True(failure.Code.Id == code.Id, $"{code.Id} is expected: {failure}");
        foreach (var part in says)
            Assert.Contains(part, failure.Message);
        return failure;
    }

    private sealed class Listener(List<string> warnings) : IRunObserver
    {
        public void RunStarted(long seed, string path) { }

        public void StageStarted(Progress progress) { }

        public void StepDone(Progress progress, IReadOnlyDictionary<string, double>? values, double perSecond) { }

        public void Evaluated(Progress progress, Evaluation evaluation) { }

        public void CheckpointWritten(Progress progress, string path) { }

        public void Warned(string message)
        {
            lock (warnings)
                warnings.Add(message);
        }
    }
}
