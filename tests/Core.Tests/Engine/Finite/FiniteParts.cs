using KdPlugins.Sdk;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Finite;

/// <summary>Recipes, runs and looks at what they left, for runs that diverge.</summary>
internal static class FiniteRuns
{
    /// <summary>6 steps in two epochs; a checkpoint after each step.</summary>
    internal static string Recipe(string loss, string optimiser = "", string more = "", string model = "tiny") =>
        $$"""
            { "name": "finite", "device": "cpu",
              "dataset": { "id": "shapes", "options": { "size": 8, "train": 64, "test": 16 } },
              "models": { "student": { "id": "{{model}}" } }, "losses": [ {{loss}} ],
              "strategy": { "id": "supervised" },
              "training": { "epochs": 2, "batchSize": 16, "schedule": { "name": "constant" },
                "optimiser": { "name": "sgd", "learningRate": 0.05 {{optimiser}} } },
              "checkpoints": { "everySteps": 1, "keep": 2 } {{more}} }
            """;

    internal static ExperimentEnd Run(
        IPluginCatalog catalog,
        string recipe,
        string folder,
        long stopAfter = long.MaxValue,
        ResumeOptions? resume = null,
        List<string>? warnings = null
    )
    {
        using var stop = new CancellationTokenSource();
        var observer = new Observer(stopAfter, stop, warnings ?? []);
        return Experiment.Run(
            RecipeReader.ReadText(recipe, ".", RecipeOverrides.None, catalog),
            folder,
            catalog,
            new SessionOptions { Observer = observer },
            resume ?? new ResumeOptions(),
            stop.Token
        );
    }

    /// <summary>Steps of the run's checkpoints, newest first; every value in them is finite.</summary>
    internal static long[] FiniteSteps(string folder)
    {
        var all = Checkpoint.List(folder);
        foreach (var info in all)
        {
            using var scope = NewDisposeScope();
            using var opened = Checkpoint.Open(info.Path);
            foreach (var section in opened.Sections)
                Assert.Empty(NonFinite.In(opened.Section(section).ToTensors()));
        }
        return [.. all.Select(c => c.Position.Step)];
    }

    /// <summary>Writes the newest checkpoint again as the next one, with NaN in a tensor, as earlier releases did.</summary>
    internal static void Poison(string folder, string section = "module.role.student", string name = "bn.running_var")
    {
        using var run = RunFolder.Open(folder);
        using var scope = NewDisposeScope();
        using var good = Checkpoint.Open(Checkpoint.List(folder)[0].Path);
        var content = new CheckpointContent(good.Position);
        foreach (var counter in good.Counters)
            content.Counters[counter.Key] = counter.Value;
        foreach (var fact in good.Facts)
            content.Facts[fact.Key] = fact.Value?.DeepClone();
        foreach (var place in good.Sections)
            content.Sections[place] = good.Section(place).ToTensors();
        content.Sections[section][name].fill_(float.NaN);
        Checkpoint.Save(run, content, good.Identity, new KeepPolicy(10));
    }

    private sealed class Observer(long stopAfter, CancellationTokenSource stop, List<string> warnings) : IRunObserver
    {
        private long _steps;

        public void StepDone(Progress progress, IReadOnlyDictionary<string, double>? values, double imagesPerSecond)
        {
            if (++_steps >= stopAfter)
                stop.Cancel();
        }

        public void RunStarted(long seed, string path) { }

        public void StageStarted(Progress progress) { }

        public void Evaluated(Progress progress, Evaluation evaluation) { }

        public void CheckpointWritten(Progress progress, string path) { }

        public void Warned(string message) => warnings.Add(message);
    }
}

public sealed record NanGradientOptions
{
    public int At { get; init; }
}

/// <summary>A finite value whose gradient is NaN in one step, as that of a root at 0.</summary>
[KdLoss("nan-gradient")]
public sealed class NanGradientLoss : DistillationLoss<NanGradientOptions>
{
    public override bool NeedsTeacher => false;

    public override Tensor Compute(ILossContext context)
    {
        var x = context.Student.Logits;
        var value = x.square().mean();
        return context.Progress.Step == Options.At ? value + (x - x.detach()).square().sum().sqrt() : value;
    }
}

/// <summary>A loss with a head that normalises embeddings.</summary>
[KdLoss("headed")]
public sealed class HeadedLoss : DistillationLoss<NoOptions>
{
    private nn.Module<Tensor, Tensor>? _head;

    public override bool NeedsTeacher => false;

    public override nn.Module Module => _head!;

    public override void Bind(LossBinding binding)
    {
        var width = binding.Shape(Roles.Student).Embedding;
        _head = nn.Sequential(("project", nn.Linear(width, 3)), ("norm", nn.BatchNorm1d(3)));
    }

    public override Tensor Compute(ILossContext context) => _head!.call(context.Student.Embedding).square().mean();
}

/// <summary>A network with a constant of -infinity, and a norm behind its pooling.</summary>
[KdModel("tiny-masked")]
public sealed class MaskedModel : ModelPlugin<NoOptions>
{
    public override INetwork Create(ModelRequest request) => new Network(request);

    private sealed class Network : nn.Module<Tensor, Tensor>, INetwork
    {
        private readonly Conv2d conv;
        private readonly BatchNorm1d norm;
        private readonly Linear fc;

        public Network(ModelRequest request)
            : base("masked")
        {
            conv = nn.Conv2d(request.InputShape[0], 4, 3, padding: 1);
            norm = nn.BatchNorm1d(4);
            fc = nn.Linear(4, request.Classes);
            RegisterComponents();
            register_buffer("mask", full([2], float.NegativeInfinity));
            Shape = new(request.InputShape, request.Classes, 4, []);
        }

        public nn.Module Module => this;

        public NetworkShape Shape { get; }

        public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps)
        {
            var pooled = norm.call(conv.call(input).mean([2, 3]));
            return new(fc.call(pooled), pooled, new Dictionary<string, Tensor>());
        }

        public override Tensor forward(Tensor input) => Forward(input, null!, []).Logits;
    }
}
