using System.Text.RegularExpressions;
using KdPlugins.Core.Tests.Support;
using KdPlugins.Sdk;
using KdPlugins.Testing;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>What cannot be meant is refused, what is doubtful is warned of, by check and at the start of a run.</summary>
public sealed class DoubtfulRecipeTests : IDisposable
{
    private const string Prepared = """ "prepare": [ { "role": "teacher" } ], """;
    private const string Normalise = """{ "id": "normalise" }""";

    private static readonly TestCatalog Catalog = ShippedPlugins
        .Catalog()
        .With(
            typeof(Proofs.TinyModel),
            typeof(UntaughtStrategy),
            typeof(StepServicesTests.PlusAugmentation),
            typeof(ScaledAugmentation)
        );

    private readonly RecipeRun _runs = new(Catalog);

    public void Dispose() => _runs.Dispose();

    private static string Recipe(
        string shared = "",
        string student = "",
        string more = Prepared,
        string strategy = "offline",
        long batch = 16
    ) =>
        $$"""
            { "name": "doubt", "device": "cpu", "dataset": { "id": "shapes", "options": { "size": 8, "train": 64, "test": 16 } },
              "models": { "teacher": { "id": "tiny" }, "student": { "id": "tiny" } },
              "augmentations": { "shared": [ {{shared}} ], "student": [ {{student}} ] },
              "losses": [ { "id": "kd" } ], "strategy": { "id": "{{strategy}}" }, {{more}}
              "training": { "epochs": 1, "batchSize": {{batch}} } }
            """;

    private IReadOnlyList<string> Checked(string recipe) =>
        Preflight.Run(_runs.Read(recipe), Catalog, new() { Samples = 8, Steps = 1 }).Warnings;

    private List<string> Run(string recipe, string name = "run")
    {
        var listener = new Listener();
        var options = new SessionOptions { Observer = listener, Rehearse = true };
        Experiment.Run(_runs.Read(recipe), _runs.Path(name), Catalog, options, new(), CancellationToken.None);
        return listener.Warnings;
    }

    private string Refused(string recipe)
    {
        var failure = Assert.Throws<KdException>(() => Checked(recipe));
        // A check and a rehearsal take other numbers of steps.
        static string Text(KdException e) => Regex.Replace(e.Message, "step 0 of [0-9]+", "step 0");
        Assert.Equal(Text(failure), Text(Assert.Throws<KdException>(() => Run(recipe))));
        return failure.Message;
    }

    [Theory]
    [InlineData("color-jitter")]
    [InlineData("grayscale")]
    [InlineData("gaussian-blur")]
    [InlineData("solarize")]
    [InlineData("posterize")]
    [InlineData("equalize")]
    [InlineData("auto-augment")]
    [InlineData("rand-augment")]
    [InlineData("trivial-augment")]
    [InlineData("normalise")]
    public void What_is_made_for_values_from_0_to_1_is_refused_behind_normalise(string id)
    {
        var colour = $$"""{ "id": "{{id}}" }""";
        var after = Refused(Recipe(Normalise, $$"""{ "id": "horizontal-flip" }, {{colour}}"""));
        Assert.StartsWith($"KDP0330 augmentations.student[1] ('{id}'): Augmentation '{id}' is made for", after);
        Assert.Contains("augmentations.shared[0] ('normalise')", after);
        if (id != "normalise")
            Assert.Empty(Checked(Recipe($"{colour}, {Normalise}")));
    }

    [Theory]
    [InlineData("horizontal-flip")]
    [InlineData("random-crop")]
    [InlineData("random-resized-crop")]
    [InlineData("random-rotation")]
    [InlineData("random-affine")]
    [InlineData("cutout")]
    [InlineData("mixup")]
    [InlineData("cutmix")]
    [InlineData("cut-mix-pick")]
    public void What_moves_values_passes_their_range_on(string id)
    {
        var moving = $$"""{ "id": "{{id}}" }""";
        Assert.Empty(Checked(Recipe(Normalise, moving)));
        Assert.Contains("made for values in [0, 1]", Refused(Recipe("", $"{Normalise}, {moving}, {Normalise}")));
    }

    [Fact]
    public void Nobody_complains_of_values_that_nobody_knows()
    {
        // Another author's augmentation, which may do anything to them.
        const string foreign = """{ "id": "proof-plus" }""";
        Assert.Empty(Checked(Recipe($"{Normalise}, {foreign}", """{ "id": "color-jitter" }""")));
        const string scaled = """{ "id": "scaled" }""";
        Assert.Contains("they lie in [0, 255]", Refused(Recipe($"{scaled}, {Normalise}")));
    }

    [Theory]
    [InlineData(
        "[125.3, 123, 113.9]",
        "[63, 62.1, 66.7]",
        "mean [0.4914, 0.4824, 0.4467], std [0.2471, 0.2435, 0.2616]"
    )]
    [InlineData("[125.3, 123, 113.9]", "[0.2, 0.2, 0.2]", "Divide both by 255")]
    [InlineData("[0.5, 0.5, 0.5]", "[63, 62.1, 66.7]", "Divide both by 255")]
    public void Mean_and_deviation_of_the_other_scale_are_refused(string mean, string std, string expected)
    {
        var bytes = $$"""{ "id": "normalise", "options": { "mean": {{mean}}, "std": {{std}} } }""";
        Assert.Contains(expected, Refused(Recipe(bytes)));
    }

    [Theory]
    [InlineData("[0, 0, 0]", "[1, 1, 1]")]
    [InlineData("[0.5, 0.5, 0.5]", "[0.5, 0.5, 0.5]")]
    [InlineData("[0.485, 0.456, 0.406]", "[0.229, 0.224, 0.225]")]
    public void Usual_means_and_deviations_are_not(string mean, string std) =>
        Assert.Empty(Checked(Recipe($$"""{ "id": "normalise", "options": { "mean": {{mean}}, "std": {{std}} } }""")));

    [Theory]
    [InlineData("offline", """ "teacher": "student" """)]
    [InlineData("offline", """ "student": "teacher" """)]
    [InlineData("good-da-kd", """ "teacher": "student" """)]
    [InlineData("icda", """ "teacher": "student" """)]
    [InlineData("sre2l", """ "teacher": "student" """)]
    [InlineData("infer", """ "teachers": ["student"] """)]
    [InlineData("infer", """ "teachers": ["teacher", "teacher"] """)]
    [InlineData("aug-kd", """ "student": "teacher" """)]
    [InlineData("krr-st", """ "target": "student", "teacher": "student", "freeKd": { "epochs": 1 } """)]
    [InlineData("krr-st-transfer", """ "source": "train", "teacher": "student", "freeKd": { "epochs": 1 } """)]
    public void One_role_cannot_be_teacher_and_student(string id, string options)
    {
        var strategy = $$"""{ "id": "{{id}}", "options": { {{options}} } }""";
        var main = Recipe().Replace("""{ "id": "offline" }""", strategy);
        var phase = Recipe(more: $$""" "prepare": [ { "name": "before", "strategy": {{strategy}} } ], """);
        foreach (var (text, path) in ((string, string)[])[(main, "strategy"), (phase, "prepare[0].strategy")])
        {
            var failure = Assert.Throws<RecipeException>(() => _runs.Read(text));
            Assert.Contains(failure.Failures, f => f.Code == CoreErrors.RoleTwice && f.Path == path);
        }
    }

    [Theory]
    [InlineData("t-stddev", """ "student": "teacher" """)]
    [InlineData("krr-st", """ "target": "student" """)]
    public void Where_one_network_may_stand_for_two_it_does(string id, string options) =>
        _runs.Read(Recipe().Replace("""{ "id": "offline" }""", $$"""{ "id": "{{id}}", "options": { {{options}} } }"""));

    [Theory]
    [InlineData("two-views")]
    [InlineData("linear-evaluation")]
    [InlineData("supervised")]
    [InlineData("untaught")]
    public void A_loss_that_needs_a_teacher_is_refused_where_nobody_teaches(string strategy)
    {
        Assert.StartsWith("KDP0332 ", Refused(Recipe(student: """{ "id": "random-crop" }""", strategy: strategy)));
        Assert.StartsWith("KDP0332 ", Refused(Recipe(strategy: "untaught", more: "")));
    }

    [Fact]
    public void Labels_that_are_classes_teach_no_loss_that_needs_a_teacher()
    {
        var classes =
            """{ "id": "infer", "options": { "labels": "classes", "compensate": false, "imagesPerClass": 1 } }""";
        Assert.StartsWith("KDP0332 ", Refused(Recipe().Replace("""{ "id": "offline" }""", classes)));
    }

    [Fact]
    public void A_teacher_that_is_neither_trained_nor_loaded_is_warned_of()
    {
        Assert.Contains(
            "'teacher' answers with the weights that it was drawn with",
            Assert.Single(Checked(Recipe(more: "")))
        );
        Assert.Contains("learns from noise", Assert.Single(Run(Recipe(more: ""))));
        var measured = Recipe(strategy: "t-stddev", more: "").Replace("\"epochs\": 1", "\"epochs\": 2");
        Assert.Contains("learns from noise", Assert.Single(Run(measured, "measured")));
        // The later phase of two.
        const string phase = """ "prepare": [ { "name": "first", "strategy": { "id": "offline" } } ], """;
        Assert.Contains("learns from noise", Assert.Single(Run(Recipe(more: phase), "twice")));
    }

    [Fact]
    public void A_teacher_that_is_trained_or_loaded_is_not()
    {
        Assert.Empty(Checked(Recipe()));
        Assert.Empty(Run(Recipe()));
        var loaded = Recipe(more: "")
            .Replace(
                "\"teacher\": { \"id\": \"tiny\"",
                "\"teacher\": { \"id\": \"tiny\", \"weights\": \"run/teacher.safetensors\""
            );
        Assert.Empty(Checked(loaded));
        Assert.Empty(Run(loaded, "loaded"));
        // Later seeds take the first one's teacher over.
        var seeds = Recipe(more: """ "seeds": [1, 2], "prepare": [ { "role": "teacher", "once": true } ], """);
        Assert.Empty(Run(seeds, "seeds"));
    }

    [Fact]
    public void A_batch_larger_than_its_source_is_warned_of_with_the_number_that_is_used()
    {
        // 64 samples less a tenth for validation.
        const string expected = "is 5,000, and the source 'train' has 58 samples: its batches are of 58.";
        string[] warnings = [$"training.batchSize of phase 'teacher' {expected}", $"training.batchSize {expected}"];
        Assert.Equal(warnings, Checked(Recipe(batch: 5000)));
        Assert.Equal(warnings, Run(Recipe(batch: 5000)));
        Assert.Empty(Checked(Recipe(batch: 58)));
        var phase = """ "prepare": [ { "role": "teacher", "training": { "batchSize": 59 } } ], """;
        Assert.StartsWith("training.batchSize of phase 'teacher' is 59", Assert.Single(Checked(Recipe(more: phase))));
    }

    [Fact]
    public void A_weight_that_makes_a_loss_larger_is_kept_where_it_is_meant()
    {
        var text = Recipe().Replace("""{ "id": "kd" }""", """{ "id": "kd", "weight": -0.5, "maximise": true }""");
        var recipe = _runs.Read(text);
        Assert.Equal(-0.5, recipe.Losses[0].Weight);
        Assert.Equal(recipe.Identity(), _runs.Read(recipe.ToResolvedJson()).Identity());
        Assert.DoesNotContain("maximise", _runs.Read(Recipe()).ToResolvedJson());
    }

    /// <summary>Computes the recipe's losses for a student alone.</summary>
    [KdStrategy("untaught")]
    public sealed class UntaughtStrategy : DistillationStrategy<NoOptions>
    {
        public override IReadOnlyCollection<string> Needs => [Roles.Student];

        public override IReadOnlyList<Stage> Plan(IPlanContext context) =>
            Plans.Distil(
                context,
                Roles.Student,
                step =>
                {
                    var view = step.View(Roles.Student, step.Next("train"));
                    var outputs = new Dictionary<string, ModelOutput>
                    {
                        [Roles.Student] = step.Forward(Roles.Student, view, null),
                    };
                    return step.Objective(outputs, Roles.Student, null, view);
                }
            );
    }

    /// <summary>Brings values to the scale of bytes, and says so.</summary>
    [KdAugmentation("scaled")]
    public sealed class ScaledAugmentation : Augmentation<NoOptions>
    {
        public override ValueRange OutputRange(ValueRange inputRange) =>
            new(255 * inputRange.Least, 255 * inputRange.Most);

        public override Batch Apply(Batch batch, IPartContext context) => batch.WithInput(batch.Input.mul(255));
    }
}
