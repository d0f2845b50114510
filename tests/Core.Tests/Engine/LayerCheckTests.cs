using System.Text.Json.Nodes;
using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Sdk;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>Layers that this processor computes wrongly, as a planted judge says.</summary>
public sealed class LayerCheckTests : IDisposable
{
    private const string Refused = "KDP0336";

    private static readonly LayerVerdict Right = new([]);

    private readonly TestCatalog _catalog = EngineRun.Catalog.With(typeof(OwnModel), typeof(RegisteringStrategy));
    private readonly RecipeRun _runs;

    public LayerCheckTests() => _runs = new(_catalog);

    public void Dispose() => _runs.Dispose();

    private static string Recipe(string more = "", string student = "tiny", string prepare = "") =>
        $$"""
            { "name": "layers", {{more}} "dataset": { "id": "shapes", "options": { "size": 8, "train": 64, "test": 16 } },
              "models": { "teacher": { "id": "tiny", "options": { "width": 8 } }, "student": { "id": "{{student}}" } },
              "losses": [ { "id": "kd" } ], "strategy": { "id": "offline" }, {{prepare}}
              "training": { "epochs": 1, "batchSize": 16 } }
            """;

    private const string Refuse = "\"wrongLayers\": \"refuse\",";
    private const string Warn = "\"wrongLayers\": \"warn\",";

    // The tiny student's convolution has four filters, the teacher's eight.
    private static bool IsOfStudent(LayerShape s) => s.Weight is [4, 3, 3, 3];

    private static LayerJudge Judge(Func<LayerShape, bool> isWrong, LayerVerdict? verdict = null) =>
        LayerJudge.Of(s => isWrong(s) ? verdict ?? new([new("output", 0.2)]) : Right);

    private (Listener Heard, ExperimentEnd? End, KdException? Failure) Run(
        LayerJudge judge,
        string recipe,
        string name = "run",
        CancellationToken stop = default
    )
    {
        var heard = new Listener();
        var options = new SessionOptions { Observer = heard, Layers = judge };
        ExperimentEnd? end = null;
        var failure = Record.Exception(() =>
        {
            end = Experiment.Run(_runs.Read(recipe), _runs.Path(name), _catalog, options, new(), stop);
        });
        return (heard, end, failure is null ? null : Assert.IsType<KdException>(failure, exactMatch: false));
    }

    private JsonObject Kept(string name = "run") =>
        JsonNode.Parse(File.ReadAllText(Path.Combine(_runs.Path(name), "layers.json")))!.AsObject();

    [Fact]
    public void A_run_with_a_wrong_layer_is_refused_before_its_first_step_and_goes_on_where_it_is_right()
    {
        var (heard, _, failure) = Run(Judge(IsOfStudent), Recipe());
        Assert.Equal(Refused, failure!.Code.Id);
        Assert.Contains("1 of 4 layers", failure.Detail);
        Assert.Contains("student conv (Conv2d): convolution 3 -> 4, 3x3", failure.Detail);
        Assert.Contains("output 20 % off", failure.Detail);
        Assert.Contains("wrongLayers=warn", failure.Message);
        Assert.Empty(heard.Stages);
        Assert.Equal(RunState.Failed, RunFolder.ReadStatus(_runs.Path("run")).State);

        var again = Run(Judge(_ => false), Recipe());
        Assert.Null(again.Failure);
        Assert.Equal(SessionEnd.Done, again.End!.State);
    }

    [Fact]
    public void Where_the_recipe_says_so_the_run_goes_on_and_its_report_tells()
    {
        var (heard, end, failure) = Run(Judge(IsOfStudent), Recipe(Warn));
        Assert.Null(failure);
        Assert.Contains("student conv", Assert.Single(heard.Warnings, w => w.Contains("double precision")));
        var wrong = Assert.Single(end!.Report["layers"]!["wrong"]!.AsArray())!;
        Assert.Equal("conv", (string)wrong["layers"]![0]!["name"]!);
        Assert.Equal(0.2, (double)wrong["faults"]![0]!["off"]!);
    }

    [Theory]
    [InlineData("ends the process with code 134")]
    [InlineData("hangs")]
    public void A_layer_that_ends_the_process_is_refused_whatever_the_recipe_says(string how)
    {
        var (heard, _, failure) = Run(Judge(IsOfStudent, new([], how)), Recipe(Warn));
        Assert.Equal(Refused, failure!.Code.Id);
        Assert.Contains($"student conv (Conv2d): convolution 3 -> 4", failure.Detail);
        Assert.EndsWith($"{how}.", failure.Detail);
        Assert.Empty(heard.Stages);
    }

    // A run that goes on does not come by the layer, only by what the folder says of it.
    [Fact]
    public void A_run_that_goes_on_is_refused_too_where_a_layer_ends_the_process()
    {
        var judge = Judge(IsOfStudent);
        using var stop = new CancellationTokenSource();
        var options = new SessionOptions
        {
            Layers = judge,
            Observer = new Listener { Stepped = stop.Cancel },
        };
        Experiment.Run(_runs.Read(Recipe(Warn)), _runs.Path("run"), _catalog, options, new(), stop.Token);
        var (_, _, failure) = Run(Judge(IsOfStudent, new([], "hangs")), Recipe(Warn));
        Assert.Equal(Refused, failure!.Code.Id);
        Assert.EndsWith("hangs.", failure.Detail);
    }

    [Fact]
    public void Of_a_frozen_teacher_only_the_output_is_needed_and_of_the_student_what_is_trained()
    {
        Assert.Null(Run(Judge(_ => false), Recipe()).Failure);
        var traced = Kept()["traced"]!
            .AsArray()
            .Select(t => (Role: (string)t![0]!, Name: (string)t[1]!, Shape: LayerShape.Parse((string)t[3]!)!))
            .ToList();
        Assert.DoesNotContain(traced, t => t.Role == "teacher" && (t.Shape.NeedsInput || t.Shape.NeedsWeight));
        Assert.Contains(
            traced,
            t => t is { Role: "student", Name: "conv", Shape: { NeedsWeight: true, NeedsInput: false } }
        );
        Assert.Contains(
            traced,
            t => t is { Role: "student", Name: "fc", Shape: { NeedsWeight: true, NeedsInput: true } }
        );
        // A fault of gradients that no one needs is none.
        var gradients = Judge(s => s.Weight[0] == 8 && s.NeedsWeight, new([new("weight gradient", 0.3)]));
        Assert.Null(Run(gradients, Recipe(), "frozen").Failure);
        const string prepare = """ "prepare": [ { "role": "teacher" } ], """;
        Assert.Contains("teacher conv", Run(gradients, Recipe(prepare: prepare), "trained").Failure!.Detail);
    }

    [Fact]
    public void Bf16_is_looked_at_where_the_recipe_trains_in_it()
    {
        var narrow = Judge(s => s.Type == ScalarType.BFloat16);
        Assert.Null(Run(narrow, Recipe(), "wide").Failure);
        Assert.Contains("BFloat16", Run(narrow, Recipe("\"precision\": \"bf16\","), "narrow").Failure!.Detail);
    }

    [Fact]
    public void Networks_that_plugins_bring_are_looked_at_and_what_computes_unseen_is_told()
    {
        var (heard, end, failure) = Run(Judge(_ => false), Recipe(student: "own"));
        Assert.Null(failure);
        Assert.Contains(
            "student: inner.past (Conv2d)",
            Assert.Single(heard.Warnings, w => w.Contains("were not held"))
        );
        Assert.Equal(
            ["student: inner.past (Conv2d)"],
            end!.Report["layers"]!["unseen"]!.AsArray().Select(u => (string)u!)
        );
        Assert.Contains(
            "student inner.head (Linear)",
            Run(
                Judge(s => s is { Kind: LayerKind.Linear, Weight: [_, 6] }),
                Recipe(student: "own"),
                "wrong"
            ).Failure!.Detail
        );
    }

    [Fact]
    public void What_a_strategy_registers_and_generators_are_looked_at()
    {
        var roots = new HashSet<string>();
        Assert.Null(Run(Judge(_ => false), ProofTests.Recipes["anchor"]).Failure);
        foreach (var traced in Kept()["traced"]!.AsArray())
            roots.Add((string)traced![0]!);
        Assert.Contains(roots, r => r.StartsWith("generator/", StringComparison.Ordinal));
        Assert.Contains(roots, r => r.StartsWith("state/", StringComparison.Ordinal));
    }

    [Fact]
    public void Nothing_of_the_run_changes_by_it()
    {
        foreach (var judge in (LayerJudge?[])[null, Judge(_ => false)])
            Assert.Null(Run(judge!, ProofTests.Recipes["offline"], $"{judge is null}").Failure);
        const string file = "student-last.safetensors";
        Assert.Equal(_runs.Sha256("True", file), _runs.Sha256("False", file));
    }

    [Fact]
    public void A_run_that_goes_on_takes_what_computes_from_its_folder_unless_that_is_damaged()
    {
        var recipe = Recipe(student: "own");
        static bool OfTeacher(LayerShape s) => s.Weight is [8, 3, 3, 3];
        Run(Judge(OfTeacher), recipe);
        var passes = 0;
        OwnModel.Passed = () => passes++;
        try
        {
            foreach (var text in (string?[])[null, "{\"recipe\": 1}", "{", "{\"recipe\": null}"])
            {
                var file = Path.Combine(_runs.Path("run"), "layers.json");
                if (text is not null)
                    File.WriteAllText(file, text);
                passes = 0;
                Assert.Contains("teacher conv", Run(Judge(OfTeacher), recipe).Failure!.Detail);
                Assert.Equal(text is not null, passes > 0);
                Assert.Equal("inner.past", Assert.Single(Kept()["unseen"]!.AsArray())!.ToString().Split(' ')[1]);
            }
        }
        finally
        {
            OwnModel.Passed = () => { };
        }
    }

    [Fact]
    public void Of_several_seeds_the_first_one_is_looked_at()
    {
        var asked = 0;
        var judge = LayerJudge.Of(_ =>
        {
            asked++;
            return Right;
        });
        Assert.Null(Run(judge, Recipe("\"seeds\": [1, 2],")).Failure);
        Assert.True(File.Exists(Path.Combine(_runs.Path("run"), "seed-1", "layers.json")));
        Assert.False(File.Exists(Path.Combine(_runs.Path("run"), "seed-2", "layers.json")));
        Assert.True(asked > 0);
    }

    // Wrong as libtorch computes it, right as a product.
    private static LayerJudge Routing(LayerVerdict? verdict = null) =>
        Judge(s => IsOfStudent(s) && !s.AsProduct, verdict);

    [Theory]
    [InlineData(null)]
    [InlineData("hangs")]
    public void A_wrong_layer_whose_product_is_right_computes_that_and_the_run_goes_on_with_a_warning(string? ended)
    {
        var verdict = new LayerVerdict([new("output", 0.2)], ended);
        var (heard, end, failure) = Run(Routing(verdict), Recipe());
        Assert.Null(failure);
        var warning = Assert.Single(heard.Warnings, w => w.Contains("double precision"));
        Assert.Contains("student conv", warning);
        Assert.Contains("computed as a product of matrices", warning);
        Assert.True((bool)Assert.Single(end!.Report["layers"]!["wrong"]!.AsArray())!["routed"]!);

        Assert.Null(Run(Judge(_ => false), Recipe(), "plain").Failure);
        // Sums in another order round otherwise.
        const string file = "student-last.safetensors";
        Assert.NotEqual(_runs.Sha256("plain", file), _runs.Sha256("run", file));
        Assert.Equal(Refused, Run(Routing(verdict), Recipe(Refuse), "refused").Failure!.Code.Id);
    }

    [Fact]
    public void What_a_strategy_registers_in_its_plan_computes_products_too()
    {
        RegisteringStrategy.Batches.Clear();
        var judge = Judge(s => s.Weight is [5, 3, 1, 1] && !s.AsProduct);
        var recipe = Recipe().Replace("offline", "registering", StringComparison.Ordinal);
        var (heard, _, failure) = Run(judge, recipe);
        Assert.Null(failure);
        Assert.Contains("state/own", Assert.Single(heard.Warnings, w => w.Contains("double precision")));
        // Of the step that was tried, and of the run's.
        Assert.Equal([0, 0, 0], RegisteringStrategy.Batches);
    }

    [Fact]
    public void A_run_that_goes_on_computes_the_same_products()
    {
        var recipe = Recipe("\"seeds\": [3, 4],");
        Assert.Null(Run(Routing(), recipe, "whole").Failure);
        Assert.Null(Run(Judge(_ => false), recipe, "plain").Failure);
        using var stop = new CancellationTokenSource();
        var halted = new SessionOptions
        {
            Layers = Routing(),
            Observer = new Listener { Stepped = stop.Cancel },
        };
        var first = Experiment.Run(_runs.Read(recipe), _runs.Path("run"), _catalog, halted, new(), stop.Token);
        Assert.Equal(SessionEnd.Stopped, first.State);
        Assert.Null(Run(Routing(), recipe).Failure);
        foreach (var seed in (int[])[3, 4])
        {
            var file = $"seed-{seed}/student-last.safetensors";
            Assert.Equal(_runs.Sha256("whole", file), _runs.Sha256("run", file));
            Assert.NotEqual(_runs.Sha256("plain", file), _runs.Sha256("run", file));
        }
    }

    [Fact]
    public void A_check_reports_what_is_wrong_the_worst_first_and_layers_of_a_shape_together()
    {
        var judge = LayerJudge.Of(s =>
            s.Kind == LayerKind.Linear ? new([new("output", 0.1), new("weight gradient", double.PositiveInfinity)])
            : IsOfStudent(s) ? new([new("input gradient", 0.3)])
            : Right
        );
        var recipe = _runs.Read(Recipe(student: "tiny"));
        var report = Preflight
            .Run(
                recipe,
                _catalog,
                new()
                {
                    Samples = 16,
                    Steps = 2,
                    Layers = judge,
                }
            )
            .Layers;
        Assert.Equal(4, report.Layers);
        Assert.Equal(report.Wrong.OrderByDescending(w => w.Worst), report.Wrong);
        Assert.True(double.IsInfinity(report.Wrong[0].Worst));
        Assert.Contains("output 10 % off, weight gradient not finite", report.ToString());
        var conv = Assert.Single(report.Wrong, w => w.Shape.StartsWith("convolution", StringComparison.Ordinal));
        Assert.Equal(("student", "conv", "Conv2d"), (conv.Layers[0].Role, conv.Layers[0].Name, conv.Layers[0].Kind));
        Assert.Equal(0, _catalog.Live);
    }

    [Fact]
    public void A_check_without_faults_says_how_many_layers_agree_and_without_a_judge_nothing()
    {
        var recipe = _runs.Read(Recipe());
        var options = new PreflightOptions
        {
            Samples = 16,
            Steps = 2,
            Layers = Judge(_ => false),
        };
        Assert.Matches(
            "^4 layers of \\d+ distinct shapes agree with double precision$",
            Preflight.Run(recipe, _catalog, options).Layers.ToString()
        );
        Assert.Null(Preflight.Run(recipe, _catalog, new() { Samples = 16, Steps = 2 }).Layers);
    }

    [Fact]
    public void Of_many_wrong_shapes_ten_are_listed_and_of_many_layers_four()
    {
        var layers = Enumerable.Range(0, 6).Select(i => new CheckedLayer("net", $"l{i}", "Linear")).ToArray();
        var wrong = Enumerable
            .Range(0, 12)
            .Select(i => new WrongLayers($"shape {i}", [], "hangs", layers, false))
            .ToArray();
        var text = new LayerReport(80, 12, wrong, []).ToString();
        Assert.Equal(12, text.Split('\n').Length);
        Assert.StartsWith("6 of 80 layers", text);
        Assert.EndsWith("and 2 more shapes", text);
        Assert.Contains("net l3 (Linear) and 2 more: shape 0: hangs", text);
    }

    [Fact]
    public void What_fails_behind_a_wrong_layer_is_put_down_to_it()
    {
        OwnModel.Passed = () => throw new InvalidOperationException("not finite");
        try
        {
            var (_, _, failure) = Run(Judge(s => s.Weight is [8, 3, 3, 3]), Recipe(student: "own"));
            Assert.Equal(Refused, failure!.Code.Id);
            Assert.Contains("not finite", failure.InnerException!.ToString());
        }
        finally
        {
            OwnModel.Passed = () => { };
        }
    }

    /// <summary>Registers a convolution and says what libtorch is given of it.</summary>
    [KdStrategy("registering")]
    public sealed class RegisteringStrategy : DistillationStrategy<NoOptions>
    {
        internal static List<long> Batches { get; } = [];

        public override IReadOnlyList<Stage> Plan(IPlanContext context)
        {
            var own = nn.Conv2d(3, 5, 1);
            context.State.Register("own", own);
            void Step(IStepContext step)
            {
                // Behind what the engine has put there.
                var hook = own.register_forward_pre_hook(
                    (_, x) =>
                    {
                        Batches.Add(x.shape[0]);
                        return x;
                    }
                );
                own.call(zeros(2, 3, 4, 4));
                hook.remove();
            }

            return [new("only", StageLength.Steps(2), Step)];
        }
    }

    /// <summary>A network of a plugin's own, with a convolution that it computes past the module.</summary>
    [KdModel("own")]
    public sealed class OwnModel : ModelPlugin<NoOptions>
    {
        internal static Action Passed { get; set; } = () => { };

        public override INetwork Create(ModelRequest request) => new Network(request);

        private sealed class Network(ModelRequest request) : INetwork
        {
            private readonly Body _body = new(request);

            public nn.Module Module => _body;

            public NetworkShape Shape { get; } = new(request.InputShape, request.Classes, 0, []);

            public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps)
            {
                Passed();
                return new(_body.call(input), null!, new Dictionary<string, Tensor>());
            }
        }

        private sealed class Body : nn.Module<Tensor, Tensor>
        {
            private readonly Sequential inner;

            internal Body(ModelRequest request)
                : base(nameof(Body))
            {
                inner = nn.Sequential(
                    ("past", nn.Conv2d(request.InputShape[0], 6, 1)),
                    ("head", nn.Linear(6, request.Classes))
                );
                RegisterComponents();
            }

            public override Tensor forward(Tensor x)
            {
                var past = (Conv2d)inner[0];
                var mixed = einsum("oc,nchw->nohw", past.weight.flatten(1), x) + past.bias!.reshape(1, -1, 1, 1);
                return ((Linear)inner[1]).call(mixed.mean([2, 3]));
            }
        }
    }
}
