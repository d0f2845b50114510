using KdPlugins.Sdk;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Proofs;

/// <summary>
/// The form of AuG-KD: {generator, student, encoder} alternating with different counts and no data, {anchor net} chosen
/// by its own score, {student} on images mixed by a value that the strategy publishes.
/// </summary>
[KdStrategy("proof-anchor")]
public sealed class AnchorStrategy : DistillationStrategy<NoOptions>
{
    private const long Latent = 6;

    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var generator = context.Generator("main");
        var size = (int)context.Data.InputShape.Aggregate(1L, (a, b) => a * b);
        var encoder = nn.Sequential(nn.Flatten(), nn.Linear(size, Latent));
        var anchor = nn.Linear(Latent, Latent);
        context.State.Register("encoder", encoder);
        context.State.Register("anchor", anchor);

        var adam = new OptimiserSettings { Name = "adam", LearningRate = 1e-3 };
        var g = Trainable.Of("generator", generator.Module, adam, null);
        var e = Trainable.Of("encoder", encoder, adam, null);
        var a = Trainable.Of("anchor", anchor, adam, null);
        var s = context.TrainableOf(Roles.Student);

        Tensor Fake(IStepContext step) => generator.Sample(8, null, step).Input;

        void DataFree(IStepContext step)
        {
            step.Update([g], () => nn.functional.cross_entropy(Teach(step), zeros(8, ScalarType.Int64)));
            for (var i = 0; i < 2; i++)
            {
                var batch = Batch.Generated(step.WithoutGraph(() => Fake(step)));
                var taught = step.Forward(Roles.Teacher, batch, null);
                step.Update([s], () => KdMath(step.Forward(Roles.Student, batch, null).Logits, taught.Logits));
                step.Update([e], () => encoder.call(batch.Input).square().mean());
            }
        }

        // With graph to the image: the teacher is frozen, its input is not.
        Tensor Teach(IStepContext step) => step.Through(Roles.Teacher, Batch.Generated(Fake(step)), null).Logits;

        void Anchor(IStepContext step)
        {
            var batch = step.Next("train");
            var z = encoder.call(batch.Input).detach();
            step.Update([a], () => (anchor.call(z) - z).square().mean() + anchor.weight.square().mean());
        }

        void Mix(IStepContext step)
        {
            step.Publish("mix", step.Progress.Fraction);
            var batch = step.Next("train");
            var view = step.View(Roles.Student, batch);
            var taught = step.Forward(Roles.Teacher, view, null);
            step.Update([s], () => step.Objective(step.Forward(Roles.Student, view, null), taught, view));
        }

        return
        [
            new Stage("data-free", StageLength.Steps(4), DataFree) { Trainables = [g, e, s], Trains = [Roles.Student] },
            new Stage("anchor", StageLength.Epochs(2), Anchor)
            {
                Trainables = [a],
                Score = step => -anchor.weight.square().mean().item<float>(),
                KeepBest = true,
            },
            new Stage("mix", StageLength.Epochs(2), Mix)
            {
                Trainables = [s],
                Trains = [Roles.Student],
                Evaluates = [Roles.Student],
            },
        ];
    }

    private static Tensor KdMath(Tensor student, Tensor teacher) =>
        nn.functional.kl_div(
            nn.functional.log_softmax(student, 1),
            nn.functional.softmax(teacher, 1),
            reduction: nn.Reduction.Mean
        );
}

[KdGenerator("proof-generator")]
public sealed class ProofGenerator : Generator<NoOptions>
{
    private Linear? _linear;
    private long[] _shape = [];

    public override nn.Module? Module => _linear;

    public override void Bind(GeneratorBinding binding)
    {
        _shape = [.. binding.Data.InputShape];
        _linear = nn.Linear(6, _shape.Aggregate(1L, (a, b) => a * b));
    }

    public override Batch Sample(long count, Tensor? labels, IPartContext context)
    {
        using var random = context.Random.Derive("z").NewGenerator(context.Device);
        var z = randn([count, 6], generator: random);
        var image = _linear!.call(z).sigmoid().view([count, .. _shape]);
        return new(image, new NoTarget(count), full([count], -1L, ScalarType.Int64));
    }
}

/// <summary>Mixes a batch with its own mean image by the value "mix" that the strategy publishes.</summary>
[KdAugmentation("proof-mix")]
public sealed class MixAugmentation : Augmentation<NoOptions>
{
    public override Batch Apply(Batch batch, IPartContext context)
    {
        var share = context.Value("mix", 1.0);
        var mean = batch.Input.mean([0], keepdim: true);
        return batch
            .WithInput(batch.Input * share + mean * (1 - share))
            .WithParameter("proof-mix.share", tensor(share));
    }
}
