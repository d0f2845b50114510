using System.ComponentModel.DataAnnotations;
using KdPlugins.Sdk;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Proofs;

public sealed record AccumulatingOptions
{
    /// <summary>How a step takes its batches.</summary>
    [AllowedValues("inside", "outside", "beside", "apply", "read", "none", "growing", "twice")]
    public string Form { get; init; } = "inside";

    /// <summary>The length of the stage in steps; 0 for the recipe's epochs.</summary>
    public int Steps { get; init; }
}

/// <summary>
/// Trains one number w by the objective w * mean(samples' numbers) at the rate 1: an update changes w by minus the mean of
/// the numbers of what it was made of. Writes down what it sees.
/// </summary>
[KdStrategy("accumulating")]
public sealed class AccumulatingStrategy : DistillationStrategy<AccumulatingOptions>
{
    public sealed class Record
    {
        /// <summary>The numbers of every batch that was drawn.</summary>
        public List<long[]> Batches { get; } = [];

        /// <summary>By step: how often the objective was computed, and w after it.</summary>
        public List<(int Calls, double W)> Steps { get; } = [];

        public List<ulong> Streams { get; } = [];
        public Tensor? Last { get; set; }
        public List<bool> LastIsGone { get; } = [];
        public double Value { get; set; }
    }

    [ThreadStatic]
    private static Record? _seen;

    public static Record Seen => _seen!;

    public override IReadOnlyCollection<string> Needs => [Roles.Student];

    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        var seen = _seen = new();
        var number = new Parameter(zeros(1));
        context.State.Register("number", number);
        context.AddSource("growing", new GrowingSource());
        var w = new Trainable("w", [("w", number)], new() { LearningRate = 1, Momentum = 0 }, _ => 1);

        Batch Draw(IStepContext step, string source)
        {
            var batch = step.Next(source);
            seen.Batches.Add(batch.Indices.data<long>().ToArray());
            return batch;
        }

        Tensor Loss(Batch batch) => (number * batch.Indices.to_type(ScalarType.Float32).mean()).sum();

        void Step(IStepContext step)
        {
            var calls = 0;
            var outside = Options.Form is "outside" or "beside" or "apply"
                ? Draw(step, Options.Form == "beside" ? "other" : "train")
                : null;
            Tensor Objective()
            {
                calls++;
                seen.Streams.Add(step.Random.Value);
                if (seen.Last is { } last)
                    seen.LastIsGone.Add(last.IsInvalid);
                var batch = Options.Form switch
                {
                    "outside" => outside!,
                    "read" => step.Read("train", new long[] { 3, 4 }),
                    "none" => null,
                    "growing" => Draw(step, "growing"),
                    _ => Draw(step, "train"),
                };
                var loss = batch is null ? number.sum() : Loss(batch);
                seen.Last = loss;
                return loss;
            }

            if (Options.Form == "apply")
            {
                number.grad?.zero_();
                Loss(outside!).backward();
                step.Apply(w);
            }
            else
                seen.Value = step.Update([w], Objective).item<float>();
            if (Options.Form == "twice")
                step.Update([w], Objective);
            seen.Steps.Add((calls, number.item<float>()));
        }

        var length = Options.Steps > 0 ? StageLength.Steps(Options.Steps) : StageLength.Epochs(context.Training.Epochs);
        return [new Stage("train", length, Step) { Trainables = [w] }];
    }

    /// <summary>Has one sample more whenever it was read: batches of 1, 2, 3, ... samples.</summary>
    private sealed class GrowingSource : IDataSource
    {
        private long _count = 1;

        public long Count => Interlocked.Read(ref _count);

        public Batch Read(ReadOnlyMemory<long> indices)
        {
            Interlocked.Increment(ref _count);
            return new(zeros(indices.Length, 3, 8, 8), new NoTarget(indices.Length), tensor(indices.ToArray()));
        }
    }
}
