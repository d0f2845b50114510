using KdPlugins.Sdk;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Proofs;

/// <summary>The form of mutual learning: several roles, each with an optimiser of its own, updated in turn by what the others say.</summary>
[KdStrategy("proof-mutual")]
public sealed class MutualStrategy : DistillationStrategy<NoOptions>
{
    private static readonly string[] Students = ["first", "second", "third"];

    public override IReadOnlyCollection<string> Needs => Students;

    public override string Result => Students[0];

    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var trainables = Students
            .Select(role => Trainable.Of(role, context.Network(role).Module, null, null))
            .ToArray();

        void Step(IStepContext step)
        {
            var batch = step.Next("train");
            for (var i = 0; i < Students.Length; i++)
            {
                var me = Students[i];
                step.Update(
                    [trainables[i]],
                    () =>
                    {
                        var mine = step.Forward(me, step.View(me, batch), null);
                        var loss = step.Objective(mine, null, batch);
                        foreach (var peer in Students.Where(role => role != me))
                        {
                            var said = step.Consult(peer, batch, []).Logits;
                            loss += nn.functional.kl_div(
                                nn.functional.log_softmax(mine.Logits, 1),
                                nn.functional.softmax(said, 1),
                                reduction: nn.Reduction.Mean
                            );
                        }
                        return loss;
                    }
                );
            }
        }

        return
        [
            new Stage("together", StageLength.Epochs(context.Training.Epochs), Step)
            {
                Trainables = trainables,
                Trains = Students,
                Evaluates = Students,
            },
        ];
    }
}
