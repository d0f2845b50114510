using System.Text.Json.Nodes;
using KdPlugins.Sdk;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>Numbers that only a run shows: what limits gradients, what a baseline starts from, how losses are named.</summary>
public sealed class SmallNumbersTests : IDisposable
{
    private const string Student = "student-last.safetensors";

    private readonly RecipeRun _runs = new(EngineRun.Catalog.With(typeof(TwiceStrategy)));

    public void Dispose() => _runs.Dispose();

    private static string Recipe(
        string optimiser = "",
        string losses = """{ "id": "cross-entropy" }, { "id": "kd" }""",
        string strategy = "offline",
        string more = ""
    ) =>
        $$"""
            { "name": "numbers", "dataset": { "id": "shapes", "options": { "size": 8, "train": 64, "test": 16 } },
              "models": { "teacher": { "id": "tiny", "options": { "width": 8 } }, "student": { "id": "tiny" } },
              "losses": [ {{losses}} ], "strategy": { "id": "{{strategy}}" }, {{more}}
              "training": { "epochs": 1, "batchSize": 16,
                            "optimiser": { "name": "sgd", "momentum": 0, "weightDecay": 0 {{optimiser}} } } }
            """;

    // Not of biases: what begins as 0 shows a step of any size.
    private Dictionary<string, string> Weights(string run, string role)
    {
        using var saved = Checkpoint.Open(Checkpoint.List(_runs.Path(run))[0].Path);
        using var section = saved.Section($"module.role.{role}");
        return section
            .Entries.Keys.Where(n => n.EndsWith("weight", StringComparison.Ordinal))
            .ToDictionary(n => n, n => Convert.ToHexString(section.Bytes(n)));
    }

    private HashSet<string> Reported(string run) =>
        [
            .. File.ReadLines(Path.Combine(_runs.Path(run), "events.jsonl"))
                .Select(l => JsonNode.Parse(l)!["values"] as JsonObject)
                .OfType<JsonObject>()
                .SelectMany(v => v.Select(e => e.Key)),
        ];

    // A rate that moves nothing, against gradients of which nothing is left.
    [Theory]
    [InlineData("clipNorm")]
    [InlineData("clipValue")]
    public void Gradients_are_limited_to_what_the_recipe_says(string limit)
    {
        _runs.Whole(Recipe(""", "learningRate": 1e-30 """), "still");
        _runs.Whole(Recipe($$""", "learningRate": 0.5, "{{limit}}": 1e-30 """), "limited");
        _runs.Whole(Recipe(""", "learningRate": 0.5 """), "free");
        Assert.Equal(Weights("still", "student"), Weights("limited", "student"));
        Assert.NotEqual(Weights("still", "student"), Weights("free", "student"));
    }

    [Fact]
    public void A_baseline_starts_from_the_weights_of_the_network_it_is_compared_with()
    {
        _runs.Whole(Recipe(""", "learningRate": 1e-30 """, more: "\"baseline\": true,"), "run");
        Assert.Equal(Weights("run", "student"), Weights("run", "baseline"));
    }

    [Fact]
    public void A_loss_that_is_named_twice_is_reported_under_two_names()
    {
        const string twice = """
            { "id": "kd", "options": { "temperature": 2 } }, { "id": "kd", "options": { "temperature": 8 } }
            """;
        _runs.Whole(Recipe(losses: twice), "run");
        Assert.Superset(new HashSet<string> { "kd", "kd-2" }, Reported("run"));
    }

    [Fact]
    public void Guidance_is_of_the_losses_alone_that_need_a_teacher()
    {
        _runs.Whole(Recipe(strategy: "twice"), "run");
        Assert.Contains("kd.guided", Reported("run"));
        Assert.DoesNotContain("cross-entropy.guided", Reported("run"));
    }

    [Fact]
    public void Every_stage_begins_a_source_at_its_beginning()
    {
        TwiceStrategy.First.Clear();
        _runs.Whole(Recipe(strategy: "twice"), "run");
        Assert.Equal(2, TwiceStrategy.First.Count);
        Assert.Equal(TwiceStrategy.First[0], TwiceStrategy.First[1]);
    }

    /// <summary>Two stages of two steps on teacher and student, by what only losses that need a teacher say.</summary>
    [KdStrategy("twice")]
    public sealed class TwiceStrategy : DistillationStrategy<NoOptions>
    {
        internal static List<long[]> First { get; } = [];

        public override IReadOnlyCollection<string> Needs => [Roles.Teacher, Roles.Student];

        public override IReadOnlyList<Stage> Plan(IPlanContext context)
        {
            var student = context.TrainableOf(Roles.Student);
            void Step(IStepContext step) =>
                step.Update(
                    [student],
                    () =>
                    {
                        var batch = step.Next("train");
                        if (step.Progress.Step == 0)
                            First.Add(batch.Indices.data<long>().ToArray());
                        return step.Guidance(
                            step.Forward(Roles.Student, batch, null),
                            step.Consult(Roles.Teacher, batch, null),
                            batch
                        );
                    }
                );
            return
            [
                .. ((string[])["one", "two"]).Select(name => new Stage(name, StageLength.Steps(2), Step)
                {
                    Trainables = [student],
                    Trains = [Roles.Student],
                }),
            ];
        }
    }
}
