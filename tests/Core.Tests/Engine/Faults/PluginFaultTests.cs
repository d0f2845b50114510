using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Faults;

/// <summary>Whatever a plugin's code raises says whose code it was, and where in the run; a bad batch is kept.</summary>
public sealed class PluginFaultTests : FaultRuns
{
    private const string Step = "at stage main, step 0 of 3, epoch 0";

    private sealed class Broken : Exception
    {
        internal Broken()
            : base("it broke\n  in native code") { }
    }

    private static void Break() => throw new Broken();

    private static T Break<T>() => throw new Broken();

    [Theory]
    [InlineData("plan", "Strategy 'faulty' failed while it planned: Broken: it broke (in PluginFaultTests.Break")]
    [InlineData("step", $"Strategy 'faulty' failed {Step}: Broken: it broke (in PluginFaultTests.Break")]
    [InlineData("begin", $"Strategy 'faulty' failed {Step}: Broken")]
    [InlineData("end", "Strategy 'faulty' failed at stage main, step 2 of 3")]
    [InlineData("score", "Strategy 'faulty' failed at stage main, step 3 of 3")]
    [InlineData("bind", "Loss 'faulty-loss' failed while it was bound: Broken")]
    [InlineData("loss", $"Loss 'faulty-loss' failed {Step}: Broken")]
    [InlineData("augmentation", $"Augmentation 'faulty-augmentation' failed {Step}: Broken")]
    [InlineData("create", "Model 'faulty-model' failed while the network of 'student' was made: Broken")]
    [InlineData("forward", $"Model 'faulty-model' of 'student' failed {Step}: Broken")]
    [InlineData("generator", "Generator 'faulty-generator' failed while it was bound: Broken")]
    [InlineData("open", "Data set 'faulty-data' failed while it was opened: Broken")]
    public void An_exception_says_whose_it_is(string where, string says)
    {
        var data = where == "open" ? """{ "id": "faulty-data" }""" : null;
        var model = where is "create" or "forward" ? "faulty-model" : "plain";
        const string more = """
            , "augmentations": { "student": [ { "id": "faulty-augmentation" } ] },
              "generators": { "made": { "id": "faulty-generator" } }
            """;
        Now.Open = Break<IDataset>;
        Now.Loss = where == "loss" ? _ => Break<Tensor>() : null;
        Now.BindLoss = where == "bind" ? _ => Break() : null;
        Now.Augment = where == "augmentation" ? _ => Break<Batch>() : null;
        Now.BindGenerator = where == "generator" ? Break : null;
        Now.Create = request => where == "create" ? Break<INetwork>() : new BrokenNetwork(request);
        Now.Plan = context =>
        {
            if (where == "plan")
                Break();
            var stage = Training(context, where == "step" ? (_, _) => Break() : Learn)[0];
            stage.Begin = where == "begin" ? _ => Break() : null;
            stage.End = where == "end" ? _ => Break() : null;
            stage.Score = where == "score" ? _ => Break<double>() : null;
            return [stage];
        };
        var recipe = data is null ? Recipe(more: more, model: model) : Recipe(data: data);
        var failure = FailsOn(PluginErrors.Failed, recipe, says);
        Assert.DoesNotContain("native code", failure.Message);
        var cause = failure.InnerException;
        while (cause is not Broken)
            cause = cause!.InnerException;
    }

    [Fact]
    public void A_phase_is_named_with_its_strategy()
    {
        Now.Plan = context => Training(context, (_, _) => Break());
        const string more = """, "prepare": [ { "name": "first", "strategy": { "id": "faulty" } } ]""";
        FailsOn(
            PluginErrors.Failed,
            Recipe(more: more, strategy: "supervised"),
            "Strategy 'faulty' of phase 'first' failed at stage first/main, step 0"
        );
    }

    [Fact]
    public void A_shape_that_libtorch_refuses_a_key_that_is_not_there_and_a_type_that_has_changed()
    {
        void Refused(Action fault, params string[] says)
        {
            Faults.Reset();
            Now.Plan = context => Training(context, (_, _) => fault());
            var failure = Assert.Throws<KdException>(() => Runs.Whole(Recipe(), $"{Guid.NewGuid()}"));
            Assert.Equal(PluginErrors.Failed.Id, failure.Code.Id);
            foreach (var part in says.Append("Strategy 'faulty'"))
                Assert.Contains(part, failure.Message);
        }
        Refused(() => ones(2, 3).mm(ones(2, 3)), "cannot be multiplied", "in PluginFaultTests.");
        Refused(() => _ = new Dictionary<string, int>()["gone"], "KeyNotFoundException", "'gone'");
        Refused(() => throw new MissingMethodException("Old.Gone"), "Build the plugin again");
        Refused(() => Task.Run(Break).Wait(), "Broken: it broke");
    }

    [Fact]
    public void A_tensor_of_an_earlier_step_is_called_that()
    {
        Tensor? kept = null;
        Now.Plan = context =>
            Training(
                context,
                (step, student) =>
                {
                    kept ??= rand(1);
                    step.Update([student], () => Objective(step) * kept);
                }
            );
        Fails(
            PluginErrors.Failed,
            "Strategy 'faulty' failed at stage main, step 1 of 3",
            "what a step makes is freed when it ends"
        );
    }

    [Fact]
    public void What_has_a_code_keeps_it_and_tells_who_asked()
    {
        Now.Plan = context => Training(context, (step, _) => step.Next("nowhere"));
        var failure = Fails(CoreErrors.SourceMissing, "'nowhere'", $"This was strategy 'faulty' {Step}.");
        Assert.EndsWith(CoreErrors.SourceMissing.Remedy, failure.Message);
        Faults.Reset();
        Now.Loss = c => c.Teacher.Logits.mean();
        Now.Plan = context => Training(context, Learn);
        var inner = Assert.Throws<KdException>(() => Runs.Whole(Recipe(), "other"));
        Assert.Equal(CoreErrors.NobodyTeaches.Id, inner.Code.Id);
        Assert.Contains("This was loss 'faulty-loss' at stage main", inner.Message);
        Assert.DoesNotContain("strategy 'faulty'", inner.Message);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Memory_and_cancellation_keep_their_meaning(bool memory)
    {
        using var stop = new CancellationTokenSource();
        Now.Plan = context =>
            Training(
                context,
                (step, _) =>
                {
                    if (memory)
                        empty(1L << 55);
                    stop.Cancel();
                    step.Cancellation.ThrowIfCancellationRequested();
                }
            );
        void Start() => Experiment.Run(Runs.Read(Recipe()), Runs.Path("run"), Runs.Catalog, new(), new(), stop.Token);
        if (memory)
        {
            var failure = Assert.Throws<KdException>(Start);
            Assert.Equal(PluginErrors.Memory.Id, failure.Code.Id);
            Assert.Contains($"Memory ran out in strategy 'faulty' {Step}", failure.Message);
            Assert.Contains("training.batchSize", failure.Message);
        }
        else
            Assert.Throws<OperationCanceledException>(Start);
    }

    [Fact]
    public void A_cancellation_that_nobody_asked_for_is_a_failure()
    {
        Now.Plan = context => Training(context, (_, _) => throw new TaskCanceledException("timed out"));
        Fails(PluginErrors.Failed, "TaskCanceledException: timed out", "strategy 'faulty'"[1..]);
    }

    [Theory]
    [InlineData("stages")]
    [InlineData("stage")]
    [InlineData("step")]
    [InlineData("trainables")]
    public void A_plan_with_holes(string hole)
    {
        Now.Plan = context =>
            hole switch
            {
                "stages" => null!,
                "stage" => [null!],
                "step" => [new("main", StageLength.Steps(1), null!)],
                _ => [new("main", StageLength.Steps(1), _ => { }) { Trainables = null! }],
            };
        Fails(PluginErrors.Nothing, hole == "stages" ? "Plan of strategy 'faulty'" : "plan of strategy 'faulty' has");
    }

    [Fact]
    public void A_network_and_an_augmentation_that_answer_nothing()
    {
        Now.Create = request => new BrokenNetwork(request, answersNull: true);
        Now.Plan = context => Training(context, Learn);
        FailsOn(
            PluginErrors.Nothing,
            Recipe(model: "faulty-model"),
            $"Forward of model 'faulty-model' of 'student' gave null {Step}"
        );
        Now.Augment = _ => null!;
        const string more = """, "augmentations": { "student": [ { "id": "faulty-augmentation" } ] }""";
        var failure = Assert.Throws<KdException>(() => Runs.Whole(Recipe(more: more), "other"));
        Assert.Contains($"KDP0741 Apply of augmentation 'faulty-augmentation' gave null {Step}", failure.Message);
    }

    [Theory]
    [InlineData(false, "Its inputs are finite.")]
    [InlineData(true, "are not finite themselves")]
    public void A_loss_that_is_not_finite_says_where_its_batch_is(bool inputs, string says)
    {
        Now.Loss = c => c.Progress.Step == 1 ? c.Student.Logits.mean() / 0 : c.Student.Logits.square().mean();
        Now.Plan = context =>
            Training(
                context,
                (step, student) =>
                    step.Update(
                        [student],
                        () =>
                        {
                            var batch = step.Next("train");
                            if (inputs && step.Progress.Step == 1)
                                batch.Input[2].fill_(float.NaN);
                            return step.Objective(step.Forward(Roles.Student, batch, null!), null!, batch);
                        }
                    )
            );
        var file = Path.Combine(Runs.Path("run"), "failure", "batch-0.safetensors");
        var failure = Fails(TrainingErrors.NotFinite, "step 1 of 3", "not finite: 'faulty-loss'", file, says);
        Assert.Contains(TrainingErrors.NotFinite.Remedy, failure.Message);
        using var scope = NewDisposeScope();
        using var saved = SafeTensorsFile.Open(file);
        var tensors = saved.ToTensors();
        Assert.Equal([4, 3, 8, 8], tensors["input"].shape);
        if (inputs)
            Assert.Contains($"samples {tensors["indices"][2].item<long>()} are", failure.Message);
    }

    // As where a GPU is not waited for in a step.
    [Fact]
    public void A_mean_that_is_not_finite_says_where_the_latest_batch_is()
    {
        Now.Plan = context =>
            Training(
                context,
                (step, student) =>
                {
                    Learn(step, student);
                    step.Report("loss", tensor(float.NaN));
                }
            );
        Fails(TrainingErrors.NotFinite, "The mean loss of the steps up to", "batch-0.safetensors");
    }

    [Fact]
    public void A_large_batch_is_kept_in_part_the_bad_samples_first()
    {
        using var folder = new Runs.TemporaryFolder();
        using var run = RunFolder.Create(folder["run"], "{}");
        using var scope = NewDisposeScope();
        var input = zeros(20, 1, 1024, 1024); // 80 MiB
        input[17].fill_(float.NaN);
        var batch = new Batch(input, new ClassIndexTarget(arange(20)), arange(20));
        Assert.Contains("samples 17 are", FailureDump.write(run, [batch]));
        using var saved = SafeTensorsFile.Open(folder["run/failure/batch-0.safetensors"]);
        var indices = saved.ToTensors()["indices"].data<long>().ToArray();
        Assert.Equal((16, 17), (indices.Length, indices[0]));
    }

    private sealed class BrokenNetwork(ModelRequest request, bool answersNull = false) : INetwork
    {
        private readonly PlainNetwork _inner = new(4, request);

        public nn.Module Module => _inner;

        public NetworkShape Shape => _inner.Shape;

        public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps) =>
            answersNull ? null! : Break<ModelOutput>();
    }
}
