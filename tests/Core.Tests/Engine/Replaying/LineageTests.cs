using KdPlugins.Sdk;
using KdPlugins.Testing;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Replaying;

/// <summary>Which batches an answer is replayed to, and that views follow from sample and epoch alone.</summary>
public sealed class LineageTests : IDisposable
{
    // "student" stands for a role that no stage trains.
    private const string Cache = """ "folder": "answers", "roles": ["student"], "views": 2 """;

    private readonly RecipeRun _runs = new(ReplayParts.Catalog);

    public void Dispose()
    {
        StepServicesTests.ServicesStrategy.Step = (_, _) => { };
        _runs.Dispose();
    }

    private static string Recipe(string? cache, int seed = 1) =>
        $$"""
            { "name": "lineage", "seed": {{seed}}, "dataset": { "id": "shapes", "options": { "size": 8, "train": 32, "test": 8 } },
              "validation": { "split": "test" }, "models": { "student": { "id": "counted" } },
              "strategy": { "id": "proof-services" },
              "augmentations": { "shared": [ { "id": "noise" } ], "student": [ { "id": "noise" } ] },
              {{(cache is null ? "" : $"\"teacherCache\": {{ {cache} }},")}}
              "losses": [ { "id": "cross-entropy" } ], "training": { "batchSize": 16 } }
            """;

    [Fact]
    public void The_view_of_a_sample_follows_from_its_number_and_the_epoch()
    {
        var (one, other) = (Views(Recipe(Cache)), Views(Recipe(Cache, seed: 2)));
        foreach (var which in (Func<(Tensor, Tensor), Tensor>[])[v => v.Item1, v => v.Item2])
        {
            // Two batches an epoch, two views: the third epoch has the first one's.
            Assert.All(one, v => Same(which(v.Value), which(one[(v.Key.Epoch % 2, v.Key.Sample)]), true));
            Same(which(one[(0, 5)]), which(one[(1, 5)]), false);
            Assert.All(other, v => Same(which(v.Value), which(one[v.Key]), true));
        }
        var without = Views(Recipe(null));
        Same(without[(0, 5)].Shared, without[(2, 5)].Shared, false);
        Same(without[(0, 5)].Own, without[(2, 5)].Own, false);
    }

    [Fact]
    public void Two_views_of_a_batch_are_two()
    {
        In(step =>
        {
            var batch = step.Next("train");
            Same(step.View("student", batch).Input, step.View("student", batch).Input, false);
        });
    }

    [Fact]
    public void What_was_changed_is_asked_live_and_what_was_picked_is_found()
    {
        In(step => Ask(step, step.Next("train")));
        In(step =>
        {
            var batch = step.Next("train");
            Assert.Equal(0, Ask(step, batch.WithTarget(batch.Target).WithParameter("x", batch.Indices)));
            // Of another size than a step's, so that it is counted by what it says.
            var picked = batch.Select(tensor(Enumerable.Range(0, 16).Select(i => 15L - i).ToArray()));
            Assert.Equal(0, Ask(step, picked.Select(arange(16, ScalarType.Int64))));
            Assert.Equal(1, Ask(step, batch.WithInput(batch.Input * 1)));
            Assert.Equal(1, Ask(step, step.View("student", batch.WithInput(batch.Input * 1))));
            picked.Input.mul_(0.5);
            Assert.Equal(1, Ask(step, picked));
            Assert.Equal(1, Ask(step, Batch.Generated(batch.Input.clone())));
            Assert.Equal(1, Ask(step, step.Read("train", new long[16])));
            batch.Input.mul_(0.5);
            Assert.Equal(1, Ask(step, batch));
        });
    }

    [Fact]
    public void What_is_picked_of_a_batch_that_nobody_asked_about_is_found()
    {
        In(step => Ask(step, step.Next("train")));
        var rows = Enumerable.Range(0, 16).Select(i => 15L - i).ToArray();
        In(step => Assert.Equal(0, Ask(step, step.Next("train").Select(tensor(rows)))));
    }

    [Fact]
    public void Every_view_has_answers_of_its_own()
    {
        In(step => Assert.Equal((1, 1, 1), Three(step)));
        In(step => Assert.Equal((0, 0, 0), Three(step)));

        static (int, int, int) Three(IStepContext step)
        {
            var batch = step.Next("train");
            return (Ask(step, batch), Ask(step, step.View("student", batch)), Ask(step, step.View("student", batch)));
        }
    }

    [Fact]
    public void Weights_that_change_within_a_stage_are_asked_live()
    {
        In(step =>
        {
            Ask(step, step.Next("train"));
            using (no_grad())
                foreach (var parameter in StepServicesTests.ServicesStrategy.Network("student").Module.parameters())
                    parameter.mul_(1.5);
            for (var i = 0; i < 4; i++)
                Assert.Equal(1, Ask(step, step.Next("train")));
        });
    }

    [Fact]
    public void Passes_with_a_graph_are_never_replayed()
    {
        In(step => Ask(step, step.Next("train")));
        In(step =>
        {
            var batch = step.Next("train");
            var input = batch.Input.clone().requires_grad_(true);
            Assert.True(step.Through("student", batch.WithInput(input), null).Logits.requires_grad);
            Assert.Equal(1, CountedModel.During(() => step.Through("student", batch, null)));
        });
    }

    [Fact]
    public void Evaluations_are_never_replayed()
    {
        var recipe = Recipe(Cache).Replace("proof-services", "proof-scored");
        foreach (var name in (string[])["first", "second"])
        {
            _runs.Whole(recipe, name);
            // The step's own question is replayed the second time, the score's is not.
            Assert.Equal((name == "first" ? 1 : 0, 1), ScoredStrategy.Calls);
        }
    }

    // Asks for what a network says, checks it, and tells how often it was asked.
    private static int Ask(IStepContext step, Batch batch)
    {
        ModelOutput answer = null!;
        var calls = CountedModel.During(() => answer = step.Consult("student", batch, ["map"]));
        using var none = no_grad();
        var exact = StepServicesTests.ServicesStrategy.Network("student").Forward(batch.Input, null, ["map"]);
        Assert.True(answer.Logits.allclose(exact.Logits, 1e-5, 1e-6));
        Assert.True(answer.Embedding.allclose(exact.Embedding, 1e-5, 1e-6));
        Assert.True(answer.Feature("map").allclose(exact.Feature("map"), 1e-5, 1e-6));
        return calls;
    }

    private static void Same(Tensor a, Tensor b, bool expected) =>
        Assert.Equal(expected, a.equal(b).all().item<bool>());

    // Three epochs of two batches in the first step.
    private Dictionary<(long Epoch, long Sample), (Tensor Shared, Tensor Own)> Views(string recipe)
    {
        var views = new Dictionary<(long, long), (Tensor, Tensor)>();
        In(
            step =>
            {
                for (var n = 0; n < 6; n++)
                {
                    var batch = step.Next("train");
                    var own = step.View("student", batch);
                    for (var i = 0; i < 16; i++)
                        views[(n / 2, batch.Indices[i].item<long>())] = (
                            batch.Input[i].clone().DetachFromDisposeScope(),
                            own.Input[i].clone().DetachFromDisposeScope()
                        );
                }
            },
            recipe
        );
        return views;
    }

    private void In(Action<IStepContext> check, string? recipe = null)
    {
        var (isFirst, name) = (true, Guid.NewGuid().ToString("N"));
        StepServicesTests.ServicesStrategy.Step = (step, _) =>
        {
            if (isFirst)
                check(step);
            isFirst = false;
        };
        _runs.Whole(recipe ?? Recipe(Cache), name);
    }
}

/// <summary>Asks in a step, and in a score.</summary>
[KdStrategy("proof-scored")]
public sealed class ScoredStrategy : DistillationStrategy<NoOptions>
{
    internal static (int InStep, int InScore) Calls { get; private set; }

    public override IReadOnlyCollection<string> Needs => ["student"];

    public override IReadOnlyList<Stage> Plan(IPlanContext context)
    {
        static int Ask(IStepContext step) => CountedModel.During(() => step.Consult("student", step.Next("train"), []));
        return
        [
            new Stage("only", StageLength.Steps(1), step => Calls = (Ask(step), 0))
            {
                Score = step =>
                {
                    Calls = (Calls.InStep, Ask(step));
                    return 0;
                },
            },
        ];
    }
}
