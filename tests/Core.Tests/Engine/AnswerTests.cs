using KdPlugins.Testing;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>What a role that is not trained has answered in a step is kept: for its very input, mask and weights.</summary>
public sealed class AnswerTests : IDisposable
{
    private const string Recipe = """
        { "name": "answers", "dataset": { "id": "shapes", "options": { "size": 8, "train": 64, "test": 8 } },
          "models": { "teacher": { "id": "tiny" }, "student": { "id": "tiny" } },
          "strategy": { "id": "proof-services" },
          "losses": [ { "id": "cross-entropy" } ], "training": { "batchSize": 8 } }
        """;

    private static readonly string[] Taps = ["map"];

    private readonly RecipeRun _runs = new(EngineRun.Catalog.With(typeof(StepServicesTests.ServicesStrategy)));

    public void Dispose()
    {
        StepServicesTests.ServicesStrategy.Step = (_, _) => { };
        _runs.Dispose();
    }

    [Fact]
    public void Each_input_gets_its_own_answer_and_the_same_one_again() =>
        In(step =>
        {
            var (a, b) = (step.Next("train"), step.Next("train"));
            Right(step, a);
            Right(step, b);
            Assert.Same(step.Consult("teacher", a, []), step.Consult("teacher", a, []));
            Assert.NotSame(step.Consult("teacher", a, []), step.Consult("student", a, []));
        });

    [Fact]
    public void What_is_picked_is_answered_from_the_batch_that_it_was_picked_from() =>
        In(step =>
        {
            var (a, b) = (step.Next("train"), step.Next("train"));
            var rows = tensor(new long[] { 5, 1, 1 });
            var (ofA, ofB) = (step.Consult("teacher", a, Taps), step.Consult("teacher", b, Taps));
            foreach (var (batch, whole) in new[] { (a, ofA), (b, ofB) })
            {
                var picked = batch.Select(rows);
                Right(step, picked);
                var answer = step.Consult("teacher", picked, Taps);
                Same(whole.Logits.index_select(0, rows), answer.Logits);
                Same(whole.Feature("map").index_select(0, rows), answer.Feature("map"));
                Right(step, picked.Select(tensor(new long[] { 2, 0 })));
            }
        });

    [Fact]
    public void An_input_that_was_changed_in_place_is_another_one() =>
        In(step =>
        {
            var whole = step.Next("train");
            Right(step, whole);
            whole.Input.mul_(0.5);
            Right(step, whole);
            var picked = whole.Select(tensor(new long[] { 3, 4 }));
            picked.Input.mul_(0.5);
            Right(step, picked);
            // The batch changes after something was picked of it, and is asked about before that.
            var late = whole.Select(tensor(new long[] { 3, 4 }));
            whole.Input.mul_(0.5);
            Right(step, whole);
            Right(step, late);
        });

    [SkippableFact]
    public void A_tensor_in_the_place_of_a_disposed_one_is_another_one()
    {
        var isReused = false;
        In(step =>
        {
            var images = step.Next("train").Input;
            var handles = new HashSet<nint>();
            for (var i = 0; i < 2000 && !isReused; i++)
            {
                using var input = images * (1 + i / 2000.0);
                isReused = !handles.Add(input.Handle);
                Right(step, new(input, new NoTarget(8), arange(8)));
            }
        });
        Skip.IfNot(isReused, "The allocator has put no tensor in the place of another.");
    }

    [Fact]
    public void Another_mask_is_another_question() =>
        In(step =>
        {
            var batch = step.Next("train");
            var masked = new Batch(batch.Input, ones(8, 4, dtype: ScalarType.Bool), batch.Target, batch.Indices, null);
            Assert.NotSame(step.Consult("teacher", batch, []), step.Consult("teacher", masked, []));
        });

    [Fact]
    public void Weights_that_a_step_changes_in_place_answer_anew() =>
        In(step =>
        {
            var batch = step.Next("train");
            Right(step, batch);
            using (no_grad())
                foreach (var parameter in StepServicesTests.ServicesStrategy.Network("teacher").Module.parameters())
                    parameter.mul_(1.1);
            Right(step, batch);
            Right(step, batch.Select(tensor(new long[] { 1 })));
        });

    private void In(Action<IStepContext> check)
    {
        StepServicesTests.ServicesStrategy.Step = (step, _) => check(step);
        _runs.Whole(Recipe, "run");
    }

    // What the network itself says, past the engine. Rows of another batch size may round otherwise.
    private static void Right(IStepContext step, Batch batch)
    {
        using var noGrad = no_grad();
        var network = StepServicesTests.ServicesStrategy.Network("teacher");
        var exact = network.Forward(batch.Input, null, Taps);
        var answer = step.Consult("teacher", batch, Taps);
        Assert.True(answer.Logits.allclose(exact.Logits, 1e-5, 1e-6));
        Assert.True(answer.Feature("map").allclose(exact.Feature("map"), 1e-5, 1e-6));
    }

    private static void Same(Tensor expected, Tensor actual) => Assert.True(expected.equal(actual).all().item<bool>());
}
