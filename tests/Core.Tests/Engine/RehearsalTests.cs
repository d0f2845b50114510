using KdPlugins.Sdk;
using KdPlugins.Testing;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>What only a later stage would find is found before the first one is trained.</summary>
public sealed class RehearsalTests : IDisposable
{
    private readonly TestCatalog _catalog = EngineRun.Catalog.With(
        typeof(LateStrategy),
        typeof(TapLoss),
        typeof(LyingModel)
    );

    private readonly RecipeRun _runs;

    public RehearsalTests() => _runs = new(_catalog);

    public void Dispose()
    {
        LateStrategy.Late = _ => { };
        _runs.Dispose();
    }

    private static string Recipe(string main, string losses = """{ "id": "kd" }""", string student = "tiny") =>
        $$"""
            { "name": "late", "dataset": { "id": "shapes", "options": { "size": 8, "train": 64, "test": 16 } },
              "models": { "teacher": { "id": "tiny" }, "student": { "id": "{{student}}" } },
              "losses": [ {{losses}} ], "strategy": { "id": "{{main}}" },
              "prepare": [ { "role": "teacher" } ],
              "training": { "epochs": 2, "batchSize": 16, "accumulate": 2 } }
            """;

    private (Listener Heard, KdException? Failure) Run(string recipe, string name, bool rehearse = true)
    {
        var heard = new Listener();
        var options = new SessionOptions { Observer = heard, Rehearse = rehearse };
        var failure = Record.Exception(() =>
            Experiment.Run(_runs.Read(recipe), _runs.Path(name), _catalog, options, new(), CancellationToken.None)
        );
        return (heard, failure is null ? null : Assert.IsType<KdException>(failure, exactMatch: false));
    }

    [Fact]
    public void A_tap_that_the_network_does_not_have_is_found_first()
    {
        var recipe = Recipe("offline", """{ "id": "tapped" }""");
        var (heard, failure) = Run(recipe, "run");
        Assert.Equal(CoreErrors.TapMissing, failure!.Code);
        Assert.Empty(heard.Stages);
        // So it is by check; and without a rehearsal the teacher was trained before.
        Assert.Equal(
            CoreErrors.TapMissing,
            Assert.Throws<KdException>(() => Preflight.Run(_runs.Read(recipe), _catalog, new() { Samples = 8 })).Code
        );
        Assert.Equal(["teacher/train", "distil"], Run(recipe, "late", rehearse: false).Heard.Stages);
    }

    [Fact]
    public void A_network_that_misstates_a_tap_is_found_first()
    {
        var (heard, failure) = Run(Recipe("offline", student: "lying"), "run");
        Assert.Equal(CoreErrors.ShapesDiffer, failure!.Code);
        Assert.Empty(heard.Stages);
    }

    [Fact]
    public void What_a_last_stage_says_of_its_parts_is_found_first()
    {
        LateStrategy.Late = _ => throw new KdException(CoreErrors.WrongCombination, "These do not go together.");
        var (heard, failure) = Run(Recipe("late"), "run");
        Assert.Equal(CoreErrors.WrongCombination, failure!.Code);
        Assert.Empty(heard.Stages);
        Assert.Equal("failed", RunFolder.ReadStatus(_runs.Path("run")).State.ToString().ToLowerInvariant());
    }

    [Fact]
    public void What_may_be_a_matter_of_one_step_is_told_and_stops_nothing()
    {
        // Fails where the stage before it has taken a single step.
        LateStrategy.Late = filled =>
        {
            if (filled < 2)
                throw new InvalidOperationException("Not enough rows.");
        };
        var (heard, failure) = Run(Recipe("late"), "run");
        Assert.Null(failure);
        Assert.Contains("'use'", Assert.Single(heard.Warnings, w => w.Contains("Not enough rows")));
        Assert.Equal(["teacher/train", "fill", "use"], heard.Stages);
    }

    [Fact]
    public void It_changes_nothing_of_the_run()
    {
        foreach (var rehearse in (bool[])[true, false])
        {
            var (heard, failure) = Run(ProofTests.Recipes["offline"], $"{rehearse}", rehearse);
            Assert.Null(failure);
            Assert.Empty(heard.Warnings);
        }
        const string file = "student-last.safetensors";
        Assert.Equal(_runs.Sha256("True", file), _runs.Sha256("False", file));
    }

    [Fact]
    public void A_run_that_goes_on_is_not_tried_again()
    {
        using var stop = new CancellationTokenSource();
        LateStrategy.Late = _ => { };
        var recipe = _runs.Read(Recipe("late"));
        var first = new SessionOptions
        {
            Observer = new Listener { Stepped = stop.Cancel },
            Rehearse = true,
        };
        Experiment.Run(recipe, _runs.Path("run"), _catalog, first, new(), stop.Token);
        var steps = 0;
        LateStrategy.Late = _ => steps++;
        var heard = new Listener();
        var second = new SessionOptions { Observer = heard, Rehearse = true };
        Experiment.Run(recipe, _runs.Path("run"), _catalog, second, new(), CancellationToken.None);
        Assert.Equal(["teacher/train", "fill", "use"], heard.Stages);
        Assert.Equal(3, steps);
    }

    /// <summary>Fills a pool in one stage, and in the next does what a test wants with the number of its rows.</summary>
    [KdStrategy("late")]
    public sealed class LateStrategy : DistillationStrategy<NoOptions>
    {
        internal static Action<long> Late { get; set; } = _ => { };

        public override IReadOnlyCollection<string> Needs => [Roles.Student];

        public override IReadOnlyList<Stage> Plan(IPlanContext context)
        {
            var pool = context.State.Pool("rows", 0);
            return
            [
                new(
                    "fill",
                    StageLength.Steps(4),
                    _ => pool.Append(new Dictionary<string, Tensor> { ["row"] = zeros(1, 2) })
                ),
                new("use", StageLength.Steps(3), _ => Late(pool.Count)),
            ];
        }
    }

    /// <summary>Asks for a tap that no network has.</summary>
    [KdLoss("tapped")]
    public sealed class TapLoss : DistillationLoss<NoOptions>
    {
        public override IReadOnlyCollection<string> Taps(string role, NetworkShape shape) => ["nowhere"];

        public override Tensor Compute(ILossContext context) =>
            context.Student.Feature("nowhere").sub(context.Teacher.Feature("nowhere")).square().mean();
    }
}
