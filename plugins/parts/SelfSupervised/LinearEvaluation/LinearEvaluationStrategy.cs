using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.SelfSupervised;

/// <summary>
/// Judges a network's features: the stage <c>linear</c> trains a linear classifier on them with the recipe's losses, the
/// stage <c>neighbours</c> lets the nearest training samples vote. Both classifiers are roles of their own in the report,
/// <c>linear-probe</c> and <c>neighbour-probe</c>; the linear one also becomes the network's last layer.
/// </summary>
[KdStrategy(
    "linear-evaluation",
    Description = "A linear classifier, and neighbours' votes, on features that stay fixed"
)]
public sealed class LinearEvaluationStrategy : DistillationStrategy<LinearEvaluationOptions>
{
    internal const string Linear = "linear-probe";
    internal const string Neighbours = "neighbour-probe";

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Needs => [Options.Role];

    /// <inheritdoc/>
    public override string Result => Options.Role;

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0306</c>: the network has no embedding, or the data have no classes to learn; <c>KDP0332</c>: a loss needs a
    /// teacher.
    /// </exception>
    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var network = context.Network(Options.Role);
        Untaught.Require($"{Asker} trains a classifier", context);
        if (network.Shape.Embedding < 1 || context.Data.Classes < 1)
            throw Asker.WrongCombination(
                $"classifies embeddings: the network of role '{Options.Role}' has an embedding of length {network.Shape.Embedding}, the data have {context.Data.Classes} classes."
            );
        var linear = LinearStage(context, network);
        return Options.Neighbours == 0 ? [linear] : [linear, NeighbourStage(context, network)];
    }

    private Stage LinearStage(IPlanContext context, INetwork network)
    {
        using var seeded = RandomScope.Use(context.Random.Derive(Linear).Value);
        var probe = new LinearProbe(network, context.Data.Classes);
        context.AddRole(Linear, probe, Options.Role);
        var trainable = Trainable.Of(Linear, probe, null, null);

        void Train(IStepContext step) =>
            step.Update(
                [trainable],
                () =>
                {
                    var view = step.View(Options.Role, step.Next("train"));
                    var outputs = new Dictionary<string, ModelOutput> { [Linear] = step.Forward(Linear, view, null) };
                    return step.Objective(outputs, Linear, null, view);
                }
            );

        return new Stage("linear", StageLength.Epochs(context.Training.Epochs), Train)
        {
            Trainables = [trainable],
            Trains = [Linear],
            Evaluates = [Linear],
            End = _ => probe.CopyInto(network),
        };
    }

    private Stage NeighbourStage(IPlanContext context, INetwork network)
    {
        var samples = context.SourceCount("train");
        var probe = new NeighbourProbe(network, samples, context.Data.Classes, Options.Neighbours, Options.Temperature);
        context.AddRole(Neighbours, probe, Options.Role);
        var size = Math.Min(context.Training.BatchSize, samples);

        void Keep(IStepContext step)
        {
            var view = step.View(Options.Role, step.Next("train"));
            var labels = TargetReader.As<ClassIndexTarget>(view.Target, $"{Asker}").Labels;
            probe.Keep(step.Progress.Step * size, view.Input, labels);
        }

        return new Stage("neighbours", StageLength.Epochs(1), Keep) { Evaluates = [Neighbours] };
    }
}
