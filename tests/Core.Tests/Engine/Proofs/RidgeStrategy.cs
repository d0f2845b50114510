using KdPlugins.Sdk;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Proofs;

/// <summary>
/// The form of KRR-ST: leaf tensors trained through features and a linear solve, a pool of networks with optimisers of
/// their own, then a network pre-trained on what was learned, then fine-tuned; writes the learned set.
/// </summary>
[KdStrategy("proof-ridge")]
public sealed class RidgeStrategy : DistillationStrategy<NoOptions>
{
    private const long Samples = 6;
    private const int PoolSize = 2;

    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var random = context.Random;
        using var noise = random.Derive("images").NewGenerator(context.Device);
        var images = new Parameter(rand([Samples, .. context.Data.InputShape], generator: noise));
        var labels = new Parameter(zeros(Samples, context.Data.Classes));
        context.State.Register("images", images);
        context.State.Register("labels", labels);
        var picks = context.State.Counter("picks", 0);
        var distilled = context.State.Pool("history", 4);

        var pool = Enumerable
            .Range(0, PoolSize)
            .Select(k => context.NewNetwork(Roles.Student, random.Derive("pool").Derive(k), 0))
            .ToArray();
        for (var k = 0; k < PoolSize; k++)
            context.State.Register($"pool-{k}", pool[k].Module);
        var poolSgd = new OptimiserSettings { LearningRate = 0.1, Momentum = 0.9 };
        var members = pool.Select((n, k) => Trainable.Of($"pool-{k}", n.Module, poolSgd, null)).ToArray();
        var adam = new OptimiserSettings { Name = "adamw", LearningRate = 1e-2 };
        var set = new Trainable("set", [("images", images), ("labels", labels)], adam, null);
        var student = context.TrainableOf(Roles.Student);

        Tensor Features(IStepContext step, int k, Tensor x)
        {
            var f = step.Forward(pool[k], Batch.Generated(x), null).Embedding;
            return cat([f, ones(f.shape[0], 1)], 1);
        }

        void Distil(IStepContext step)
        {
            var k = (int)(step.Random.Derive("member").Value % PoolSize);
            var batch = step.Next("train");
            var target = step.Forward(Roles.Teacher, batch, null).Logits;
            step.Update(
                [set],
                () =>
                {
                    var phi = Features(step, k, images);
                    var kernel = phi.mm(phi.t());
                    var ridge = kernel.trace().detach() * 1e-6 * eye(Samples);
                    var real = Features(step, k, batch.Input);
                    return (real.mm(phi.t()).mm(linalg.solve(kernel + ridge, labels)) - target).square().mean();
                }
            );
            step.Update(
                [members[k]],
                () => (step.Forward(pool[k], Batch.Generated(images), null).Logits - labels).square().mean()
            );
            picks.Value++;
            distilled.Append(new Dictionary<string, Tensor> { ["labels"] = labels.detach() });
        }

        void PreTrain(IStepContext step)
        {
            var batch = new Batch(images.detach(), new SoftTarget(labels.detach()), arange(Samples));
            step.Update(
                [student],
                () => (step.Forward(Roles.Student, batch, null).Logits - labels.detach()).square().mean()
            );
        }

        void FineTune(IStepContext step)
        {
            var batch = step.Next("train");
            step.Update([student], () => step.Objective(step.Forward(Roles.Student, batch, null), null, batch));
        }

        context.Export(
            "set",
            folder =>
                Torch.Weights.WeightTensors.Save(
                    new Dictionary<string, Tensor> { ["images"] = images, ["labels"] = labels },
                    Path.Combine(folder, "set.safetensors")
                )
        );
        return
        [
            new Stage("distil", StageLength.Steps(5), Distil) { Trainables = [set, .. members] },
            new Stage("pre-train", StageLength.Steps(3), PreTrain) { Trainables = [student], Trains = [Roles.Student] },
            new Stage("fine-tune", StageLength.Epochs(1), FineTune)
            {
                Trainables = [student],
                Trains = [Roles.Student],
                Evaluates = [Roles.Student],
            },
        ];
    }
}
