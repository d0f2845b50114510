using System.Diagnostics;
using KdPlugins.Core;
using KdPlugins.GoodDaKd.Tests.Maths;
using KdPlugins.Models;
using KdPlugins.Testing;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.GoodDaKd.Tests;

public sealed class RankingTests : IDisposable
{
    private readonly RecipeRun _run = new(Recipes.Catalog);

    public RankingTests()
    {
        using var random = RandomScope.Use(6);
        using var network = Network().Module;
        // Sharper than new weights are.
        using (no_grad())
            foreach (var (name, parameter) in network.named_parameters())
                if (name.EndsWith("fc.weight") || name.EndsWith("linear.weight"))
                    parameter.mul_(20);
        ModuleWeights.Save(network, _run.Path("teacher.safetensors"), new Dictionary<string, string>());
    }

    public void Dispose() => _run.Dispose();

    private static INetwork Network() =>
        Stubs
            .Plugin<CifarResNetPlugin>(new CifarResNetOptions { Depth = 8 })
            .Create(new ModelRequest([3, 8, 8], 3, Stubs.Data([3, 8, 8], 3)));

    private static string Choice(string id, string options = "{}") =>
        $$"""{ "id": "{{id}}", "options": {{options}} }""";

    private static (string Name, string Chain) Candidate(string name, params string[] chain) =>
        (name, $"[{string.Join(", ", chain)}]");

    private string Text(string teacher = "teacher.safetensors") =>
        Recipes
            .Shapes("""{ "id": "offline" }""")
            .Replace(
                "\"options\": { \"depth\": 8 } },",
                $$"""
                "options": { "depth": 8 }, "weights": "{{teacher}}" },
                """
            );

    private Ranking Rank(string recipe, RankingSettings settings, params (string Name, string Chain)[] candidates) =>
        Rank(_run.Tools(recipe), settings, candidates);

    private static Ranking Rank(
        ToolSession session,
        RankingSettings settings,
        params (string Name, string Chain)[] candidates
    )
    {
        var context = session.Context("rank-augmentations", []);
        return AugmentationRanking.Run(
            context,
            [.. candidates.Select(c => new RankingCandidate(c.Name, context.Augmentations(Roles.Teacher, c.Chain)))],
            settings
        );
    }

    private static RankingSettings Small => new() { Samples = 480, GroupSamples = 48 };

    [Fact]
    public void Candidates_come_back_in_order_with_intervals_and_the_same_each_time()
    {
        var recipe = Text();
        (string, string)[] candidates =
        [
            Candidate("identity"),
            Candidate("cutmix", Choice("cutmix")),
            Candidate("pick", Choice("cut-mix-pick")),
            Candidate("row", Choice("random-crop"), Choice("cutout")),
        ];
        var first = Rank(recipe, Small, candidates);
        var again = Rank(recipe, Small, [.. candidates.Reverse()]);
        Assert.Equal(10, first.Groups);
        Assert.Equal(96, first.GroupRows);
        Assert.Equal(480, first.Samples);
        Assert.Equal(4, first.Candidates.Count);
        Assert.Equal(first.Candidates.Select(c => c.Deviation).Order(), first.Candidates.Select(c => c.Deviation));
        Assert.Equal(
            first.Candidates.Select(c => (c.Name, c.Deviation, c.Interval, c.Ratio, c.Entropy)),
            again.Candidates.Select(c => (c.Name, c.Deviation, c.Interval, c.Ratio, c.Entropy))
        );
        Assert.All(first.Candidates, c => Assert.True(0 < c.Interval.Low && c.Interval.Low < c.Interval.High, c.Name));
        Assert.True(double.IsNaN(first.Candidates[0].Ratio.Value));
        Assert.All(first.Candidates.Skip(1), c => Assert.InRange(c.Ratio.Value, c.Ratio.Low, c.Ratio.High));
        Assert.Equal(0, Recipes.Catalog.Live);
    }

    [Fact]
    public void It_agrees_with_a_plain_loop_over_the_teachers_answers()
    {
        // Without anything random before it, "identity" sees every sample twice: the mean of a group is that of its batches.
        var text = Text().Replace("{ \"id\": \"horizontal-flip\" }, ", "");
        var recipe = text;
        var found = Assert.Single(Rank(recipe, Small, Candidate("identity")).Candidates);
        var expected = new List<double[]>();
        using var run = new RecipeRun(Recipes.Catalog.With(typeof(SpyStrategy)));
        File.Copy(_run.Path("teacher.safetensors"), run.Path("teacher.safetensors"));
        SpyStrategy.Seen.Value = expected;
        run.Whole(text.Replace("\"offline\"", "\"spy\""), "spy");
        var groups = expected.Chunk(3).Select(steps => Mean([.. steps])).Take(10).ToArray();
        Assert.Equal(GroupDeviation.Value(groups), found.Deviation, 7);

        static double[] Mean(double[][] steps) => [.. Enumerable.Range(0, 3).Select(c => steps.Average(s => s[c]))];
    }

    [Fact]
    public void A_group_is_of_the_samples_as_they_are_and_of_what_the_candidate_makes_of_them()
    {
        // Of what is cut out altogether the teacher always says the same: half of every group does not deviate.
        var found = Rank(Text(), Small, Candidate("none"), Candidate("all", Choice("cutout", """{"size":16}""")));
        Assert.Equal(["all", "none"], found.Candidates.Select(c => c.Name));
        Assert.Equal(0.5 * found.Candidates[1].Deviation, found.Candidates[0].Deviation, 7);
    }

    [Fact]
    public void What_changes_nothing_deviates_as_nothing_does()
    {
        var found = Rank(Text(), Small, Candidate("none"), Candidate("zero", Choice("mark", """{"by":0}""")));
        Assert.Equal(found.Candidates[0].Deviation, found.Candidates[1].Deviation, 9);
        Assert.Equal(1, found.Candidates[1].Ratio.Value, 6);
        Assert.False(found.Candidates[1].Ratio.Low > 1 + 1e-6);
    }

    [Fact]
    public void Who_asks_a_network_sees_what_the_network_sees()
    {
        // With the teacher's view alone normalising, the candidate that asks comes behind it and finds what it finds where
        // normalising is shared; a candidate that asks nobody comes before it.
        var shared = Text().Replace("{ \"id\": \"horizontal-flip\" }, ", "");
        var own = shared.Replace(
            "\"shared\": [ { \"id\": \"normalise\" } ]",
            "\"teacher\": [ { \"id\": \"normalise\" } ]"
        );
        Assert.NotEqual(shared, own);
        var pick = Candidate("pick", Choice("cut-mix-pick"));
        var (one, two) = (Rank(shared, Small, pick), Rank(own, Small, pick));
        Assert.Equal(one.Candidates[0].Deviation, two.Candidates[0].Deviation, 9);
        var mark = Candidate("mark", Choice("mark"));
        (one, two) = (Rank(shared, Small, mark), Rank(own, Small, mark));
        Assert.NotEqual(one.Candidates[0].Deviation, two.Candidates[0].Deviation, 6);
    }

    [Fact]
    public void What_cannot_be_ranked_is_refused_and_says_why()
    {
        var recipe = Text();
        Refused(
            CoreErrors.WrongCombination,
            "no weights",
            () => Rank((Recipes.Shapes("""{ "id": "offline" }""")), Small, Candidate("a"))
        );
        Refused(CoreErrors.RoleMissing, "'master'", () => Rank(recipe, new() { Teacher = "master" }, Candidate("a")));
        Refused(CoreErrors.WrongCombination, "at least one", () => Rank(recipe, Small));
        Refused(CoreErrors.WrongCombination, "2 times", () => Rank(recipe, Small, Candidate("a"), Candidate("a")));
        Refused(
            CoreErrors.WrongCombination,
            "at least 10, so 480 samples",
            () => Rank(recipe, new() { Samples = 479, GroupSamples = 48 }, Candidate("a"))
        );
        Refused(
            RecipeErrors.PluginUnknown,
            "Candidate 'a': ",
            () => _run.Tools(recipe).Run("rank-augmentations", """{ "candidates": "a=cut-mix-pack" }""")
        );
        // A student that is asked has to be trained as well.
        var byStudent = Choice("cut-mix-pick", """{"criterion":"student-entropy"}""");
        Refused(CoreErrors.WrongCombination, "'student'", () => Rank(recipe, Small, Candidate("a", byStudent)));
        Assert.Equal(0, Recipes.Catalog.Live);
    }

    [Fact]
    public void A_candidate_that_needs_classes_is_refused_where_there_are_none()
    {
        const string weights = "table.safetensors";
        using (var network = new TableModelMaker().Make())
            ModuleWeights.Save(network, _run.Path(weights), new Dictionary<string, string>());
        var text = Recipes
            .Table("{}", "{}", """{ "id": "offline" }""", "{}")
            .Replace(
                "\"id\": \"constant\"",
                "\"id\": \"constant\", \"options\": { \"unlabelled\": true, \"count\": 500 }"
            )
            .Replace(
                "\"teacher\": { \"id\": \"table\", \"options\": {} }",
                $$"""
                "teacher": { "id": "table", "options": {}, "weights": "{{weights}}" }
                """
            );
        var recipe = text;
        Refused(CoreErrors.WrongCombination, "mixup", () => Rank(recipe, Small, Candidate("a", Choice("mixup"))));
        // One that needs none is not.
        Assert.Single(Rank(recipe, Small, Candidate("a", Choice("cut-mix-pick"))).Candidates);
    }

    [Fact]
    public void Ranking_again_and_again_leaves_no_tensor_behind()
    {
        var recipe = Text();
        var longer = new RankingSettings { Samples = 1440, GroupSamples = 48 };
        void Once(RankingSettings options) => Rank(recipe, options, Candidate("pick", Choice("cut-mix-pick")));
        Once(Small);
        // TorchSharp counts some parameters of a network for ever: making one and its faster form, and disposing them, is
        // the measure.
        var making = Growth(() =>
        {
            using var scope = NewDisposeScope();
            var network = Network();
            using var module = network.Module;
            ((IFreezableNetwork)network).Freeze(ScalarType.Float32).Module.Dispose();
        });
        var (few, many) = (Growth(() => Once(Small)), Growth(() => Once(longer)));
        Assert.Equal((making, making), (few, many));
    }

    private static long Growth(Action action)
    {
        var before = Settled();
        action();
        return Settled() - before;
    }

    // What was read ahead is disposed a moment after the end, what only the collector still knows by it.
    private static long Settled()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var (count, since) = (LiveTensors.Count, Stopwatch.StartNew());
        while (since.ElapsedMilliseconds < 300)
        {
            Thread.Sleep(10);
            if (LiveTensors.Count != count)
                (count, since) = (LiveTensors.Count, Stopwatch.StartNew());
        }
        return count;
    }

    [Fact]
    public void It_can_be_cancelled()
    {
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        var session = _run.Tools(Text());
        session.Cancellation = stop.Token;
        Assert.Throws<OperationCanceledException>(() => Rank(session, Small, Candidate("a")));
    }

    private static void Refused(ErrorCode code, string text, Action action) =>
        GroupDeviationTests.Refused(code, text, action);
}

/// <summary>Makes a network that answers by a table, outside of a run.</summary>
internal sealed class TableModelMaker
{
    public nn.Module Make() =>
        Stubs
            .Plugin<TableModel>(new TableOptions())
            .Create(new ModelRequest([1, 4, 4], 2, Stubs.Data([1, 4, 4], 2)))
            .Module;
}
