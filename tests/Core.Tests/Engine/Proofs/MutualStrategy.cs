using KdPlugins.Sdk;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Proofs;

/// <summary>
/// Deep mutual learning: several roles, each with an optimiser of its own, updated in turn by the labels and by what each of
/// the others says; the losses of every pair have heads of their own.
/// </summary>
[KdStrategy("proof-mutual")]
public sealed class MutualStrategy : DistillationStrategy<NoOptions>
{
    internal static readonly string[] Students = ["first", "second", "third"];

    public override IReadOnlyCollection<string> Needs => Students;

    public override string Result => Students[0];

    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var own = Students.ToDictionary(me => me, me => context.TrainableOf(me, Peers(me)));

        void Step(IStepContext step)
        {
            var batch = step.Next("train");
            foreach (var me in Students)
                step.Update([own[me]], () => Objective(step, me, batch));
        }

        return
        [
            new Stage("together", StageLength.Epochs(context.Training.Epochs), Step)
            {
                Trainables = [.. own.Values],
                Trains = Students,
                Evaluates = Students,
            },
        ];
    }

    internal static string[] Peers(string me) => [.. Students.Where(role => role != me)];

    // The mean over the peers of (labels + peer) is labels + the mean of the peers.
    private static Tensor Objective(IStepContext step, string me, Batch batch)
    {
        var view = step.View(me, batch);
        var outputs = Peers(me).ToDictionary(peer => peer, peer => step.Consult(peer, step.View(peer, batch), []));
        outputs[me] = step.Forward(me, view, null);
        return Peers(me)
            .Select(peer => step.Objective(outputs, me, peer, view))
            .Aggregate((sum, one) => sum + one)
            .div(Students.Length - 1);
    }
}
