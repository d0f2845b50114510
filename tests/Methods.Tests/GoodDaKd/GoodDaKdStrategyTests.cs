using KdPlugins.Core;
using KdPlugins.GoodDaKd.Tests.Maths;
using KdPlugins.Sdk;
using KdPlugins.Testing;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.GoodDaKd.Tests;

public sealed class GoodDaKdStrategyTests : IDisposable
{
    private const string Strategy = """{ "id": "good-da-kd" }""";
    private const string Mark = """{ "student": [ { "id": "mark" } ] }""";
    private readonly RecipeRun _run = new(Recipes.Catalog);

    public void Dispose() => _run.Dispose();

    private double Loss(string teacher, string student, string augmentations, string strategy = Strategy)
    {
        _run.Whole(Recipes.Table(teacher, student, strategy, augmentations), "table");
        return Recipes.Steps(_run, "table")[^1]["loss"]!.GetValue<double>();
    }

    [Fact]
    public void Golden_4_the_loss_of_two_streams_through_the_loop()
    {
        var loss = Loss("""{ "atZero": [4, 0], "atOne": [0, 0] }""", """{ "atZero": [0, 0], "atOne": [1, 0] }""", Mark);
        Assert.Equal(1.7791176, loss, 1e-6);
        var parts = Recipes.Steps(_run, "table")[^1];
        Assert.Equal(0.6931472, parts["cross-entropy"]!.GetValue<double>(), 1e-6);
        Assert.Equal(1.7751051, parts["kd"]!.GetValue<double>(), 1e-6);
        Assert.Equal(0.1246758, parts["kd.guided"]!.GetValue<double>(), 1e-6);
    }

    [Fact]
    public void Golden_5_without_an_augmentation_both_streams_are_one()
    {
        var loss = Loss("""{ "atZero": [4, 0] }""", """{ "atZero": [0, 0] }""", "{}");
        Assert.Equal(3.2645040, loss, 1e-6);
    }

    [Fact]
    public void Golden_7_a_student_that_is_its_teacher_has_the_labels_to_learn_only()
    {
        const string same = """{ "atZero": [4, 0], "atOne": [1, 3] }""";
        Assert.Equal(0.1 * Math.Log(1 + Math.Exp(-4)), Loss(same, same, Mark), 1e-6);
    }

    [Fact]
    public void The_augmented_stream_has_its_weight()
    {
        const string strategy = """{ "id": "good-da-kd", "options": { "augmentedWeight": 0.5 } }""";
        const string teacher = """{ "atZero": [4, 0], "atOne": [0, 0] }""";
        const string student = """{ "atZero": [0, 0], "atOne": [1, 0] }""";
        var expected = 0.1 * 0.6931472 + 0.9 * (1.7751051 + 0.5 * 0.1246758);
        Assert.Equal(expected, Loss(teacher, student, Mark, strategy), 1e-6);
        Assert.Equal(0.1 * 0.6931472 + 0.9 * 1.7751051, Off(teacher, student, strategy.Replace("0.5", "0")), 1e-6);

        double Off(string t, string s, string none)
        {
            _run.Whole(Recipes.Table(t, s, none, Mark), "off");
            return Recipes.Steps(_run, "off")[^1]["loss"]!.GetValue<double>();
        }
    }

    [Theory]
    // The batch and a pool of twice its size; what is picked asks nothing more. Before the first step the sheet of
    // sample images of the run has a pool too, of twice its eight samples.
    [InlineData("""{ "id": "good-da-kd" }""", """{ "student": [ { "id": "cut-mix-pick" } ] }""", "16 4 8 4 8 4 8")]
    // The same with the picking in the strategy.
    [InlineData("""{ "id": "good-da-kd", "options": { "rounds": 2 } }""", Mark, "4 8 4 8 4 8")]
    // Teacher and student share what was picked.
    [InlineData("""{ "id": "offline" }""", """{ "shared": [ { "id": "cut-mix-pick" } ] }""", "16 8 8 8")]
    // What comes behind changes the samples, so that the teacher has to see them again.
    [InlineData(
        """{ "id": "good-da-kd" }""",
        """{ "student": [ { "id": "cut-mix-pick" }, { "id": "mark" } ] }""",
        "16 4 8 4 4 8 4 4 8 4"
    )]
    public void The_teacher_answers_every_sample_once(string strategy, string augmentations, string calls)
    {
        var key = Guid.NewGuid().ToString("n");
        _run.Whole(Recipes.Table($$"""{ "counts": "{{key}}" }""", "{}", strategy, augmentations), "calls");
        var expected = calls.Split(' ').Select(long.Parse).ToList();
        Assert.Equal(expected, TableModel.Calls[key].Take(expected.Count));
    }

    [Fact]
    public void What_was_answered_to_a_pool_answers_what_is_picked_of_it_with_all_its_taps()
    {
        using var run = new RecipeRun(Recipes.Catalog.With(typeof(PickingStrategy)));
        const string table = """{ "atZero": [4, 0], "atOne": [0, 3] }""";
        run.Whole(Recipes.Table(table, table, """{ "id": "picking" }""", "{}"), "picked");
    }

    [Theory]
    [InlineData("""{ "id": "good-da-kd" }""", """{ "id": "cut-mix-pick" }""")]
    [InlineData(
        """{ "id": "good-da-kd", "options": { "rounds": 3, "criterion": "student-entropy" } }""",
        """{ "id": "random-crop" }, { "id": "cutmix" }"""
    )]
    public void A_run_in_pieces_ends_where_a_whole_one_does(string strategy, string student)
    {
        var recipe = Recipes.Shapes(strategy, "", student);
        _run.Whole(recipe, "whole");
        var (_, sittings) = _run.Pieces(recipe, "pieces", 3);
        Assert.Equal(4, sittings);
        const string file = "student-last.safetensors";
        Assert.Equal(_run.Sha256("whole", file), _run.Sha256("pieces", file));
    }

    [Fact]
    public void Losses_that_do_not_look_at_the_teacher_are_not_enough()
    {
        var recipe = Recipes.Table("{}", "{}", Strategy, Mark).Replace(", { \"id\": \"kd\", \"weight\": 0.9 }", "");
        GroupDeviationTests.Refused(
            CoreErrors.WrongCombination,
            "no loss of the recipe",
            () => _run.Whole(recipe, "blind")
        );
    }

    [Fact]
    public void A_picking_augmentation_without_its_teacher_is_refused_before_the_first_step()
    {
        var recipe = Recipes
            .Table("{}", "{}", """{ "id": "supervised" }""", """{ "student": [ { "id": "cut-mix-pick" } ] }""")
            .Replace("\"teacher\": { \"id\": \"table\", \"options\": {} },", "")
            .Replace(", { \"id\": \"kd\", \"weight\": 0.9 }", "");
        GroupDeviationTests.Refused(
            CoreErrors.RoleMissing,
            "'cut-mix-pick' consults the role 'teacher'",
            () => _run.Whole(recipe, "alone")
        );
        Assert.Equal(0, Recipes.Catalog.Live);
    }
}

/// <summary>Compares what the engine says of picked rows with what the network says of their copies.</summary>
[KdStrategy("picking")]
public sealed class PickingStrategy : DistillationStrategy<NoOptions>
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context) => [new("look", StageLength.Steps(2), Look)];

    private static void Look(IStepContext step)
    {
        var pool = step.Next("train");
        pool = pool.WithInput((pool.Input + arange(4).view(4, 1, 1, 1)).ToChannelsLast());
        step.Consult(Roles.Teacher, pool, ["twice"]);
        var rows = tensor(new long[] { 3, 1, 1 });
        var picked = pool.Select(rows).WithTarget(new NoTarget(3)).WithParameter("x", zeros(1));
        var once = picked.Select(tensor(new long[] { 0, 2 }));
        Assert.True(picked.Input.IsChannelsLast());
        foreach (var batch in (Batch[])[picked, once])
        {
            var kept = step.Forward(Roles.Teacher, batch, ["twice"]);
            var fresh = step.Forward(Roles.Teacher, batch.WithInput(batch.Input.clone()), ["twice"]);
            Assert.Equal(fresh.Logits, kept.Logits);
            Assert.Equal(fresh.Embedding, kept.Embedding);
            Assert.Equal(fresh.Feature("twice"), kept.Feature("twice"));
        }
    }
}
