using KdPlugins.Sdk;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Proofs;

/// <summary>A network with the tap <c>drift</c>, a parameter that changes no answer.</summary>
[KdModel("drifting")]
public sealed class DriftingModel : ModelPlugin<TinyOptions>
{
    public override INetwork Create(ModelRequest request) => new DriftingNetwork(Options.Width, request);
}

public sealed class DriftingNetwork : nn.Module<Tensor, Tensor>, INetwork
{
    private readonly Linear embed;
    private readonly Linear fc;
    private readonly Parameter drift = new(zeros(1));

    public DriftingNetwork(int width, ModelRequest request)
        : base(nameof(DriftingNetwork))
    {
        embed = nn.Linear(request.InputShape.Aggregate(1L, (a, b) => a * b), width);
        fc = nn.Linear(width, request.Classes);
        RegisterComponents();
        Shape = new(request.InputShape, request.Classes, width, [new Tap("drift", [1], false)]);
    }

    public nn.Module Module => this;

    public NetworkShape Shape { get; }

    public float Drift => drift.item<float>();

    public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps)
    {
        var embedding = nn.functional.relu(embed.call(input.flatten(1)));
        return new(
            fc.call(embedding),
            embedding,
            taps.Contains("drift") ? new Dictionary<string, Tensor> { ["drift"] = drift.view(1, 1) } : []
        );
    }

    public override Tensor forward(Tensor input) => Forward(input, null!, []).Logits;
}

/// <summary>
/// A projection of the student's embedding to the teacher's. The gradient of its own <c>count</c> is 1, and so is that of the
/// student's <c>drift</c>: with plain SGD they say how often they were stepped.
/// </summary>
[KdLoss("proof-head")]
public sealed class HeadLoss : DistillationLoss<NoOptions>
{
    private Head? _head;

    public override nn.Module? Module => _head;

    public override IReadOnlyCollection<string> Taps(string role, NetworkShape shape) =>
        role == Roles.Student ? ["drift"] : [];

    public override void Bind(LossBinding binding) =>
        _head = new(binding.Shape(Roles.Student).Embedding, binding.Shape(Roles.Teacher).Embedding);

    public override Tensor Compute(ILossContext context)
    {
        static Tensor Nothing(Tensor one) => (one - one.detach()).sum();
        var projected = _head!.call(context.Student.Embedding);
        return nn.functional.mse_loss(projected, context.Teacher.Embedding.detach())
            + Nothing(_head.Count)
            + Nothing(context.Student.Feature("drift"));
    }

    private sealed class Head : nn.Module<Tensor, Tensor>
    {
        private readonly Linear project;
        private readonly Parameter count = new(zeros(1));

        internal Head(long student, long teacher)
            : base("head")
        {
            project = nn.Linear(student, teacher, hasBias: false);
            RegisterComponents();
        }

        internal Parameter Count => count;

        public override Tensor forward(Tensor input) => project.call(input);
    }
}

/// <summary>How near a network's drift is to <c>perWidth</c> times its width: different widths are best at different times.</summary>
[KdMeter("proof-nearness")]
public sealed class NearnessMeter : Meter<NearnessOptions>
{
    public override IReadOnlyCollection<TargetKind> Targets => [TargetKind.ClassIndex];

    public override IReadOnlyList<MeterValue> Values => [new("nearness", "", true)];

    public override IMeasurement Begin(MeterBinding binding)
    {
        var network = (DriftingNetwork)binding.Network;
        return new Found(-Math.Abs(network.Drift - Options.PerWidth * network.Shape.Embedding));
    }

    private sealed class Found(double nearness) : IMeasurement
    {
        public void Add(ModelOutput output, Batch batch) { }

        public MeterReading Read() => new(new Dictionary<string, double> { ["nearness"] = nearness }, []);

        public void Dispose() { }
    }
}

public sealed record NearnessOptions
{
    public double PerWidth { get; init; }
}

/// <summary>Names the roles of its one stage's losses in one way or another.</summary>
[KdStrategy("proof-pairs")]
public sealed class PairsStrategy : DistillationStrategy<PairsOptions>
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        Trainable[] own = Options.Way switch
        {
            PairsWay.Plain => [context.TrainableOf(Roles.Student)],
            PairsWay.Named or PairsWay.Stray => [context.TrainableOf(Roles.Student, [Roles.Teacher])],
            PairsWay.Shared => [context.TrainableOf(Roles.Student), context.TrainableOf(Roles.Teacher)],
            _ => [context.TrainableOf(Roles.Student, [])],
        };

        Tensor Objective(IStepContext step)
        {
            var view = step.Next("train");
            var taught = step.Forward(Roles.Teacher, view, null);
            return Options.Way == PairsWay.Stray
                ? step.Objective(
                    new Dictionary<string, ModelOutput> { [Roles.Teacher] = taught },
                    Roles.Teacher,
                    Roles.Teacher,
                    view
                )
                : step.Objective(step.Forward(Roles.Student, view, null), taught, view);
        }

        return
        [
            new Stage("train", StageLength.Epochs(1), step => step.Update([own[0]], () => Objective(step)))
            {
                Trainables = own,
                Trains = [Roles.Student],
                Evaluates = [Roles.Student],
            },
        ];
    }
}

public enum PairsWay
{
    Plain,
    Named,
    Stray,
    Shared,
    Alone,
}

public sealed record PairsOptions
{
    public PairsWay Way { get; init; }
}
