using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Losses;
using KdPlugins.Sdk;
using KdPlugins.Testing;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Replaying;

/// <summary>Recipes whose teacher's answers are stored, and what counts how often it is asked.</summary>
internal static class ReplayParts
{
    internal const int Batch = 16;
    internal const int BatchesPerEpoch = 4;

    internal static TestCatalog Catalog { get; } =
        EngineRun.Catalog.With(
            typeof(CountedModel),
            typeof(NoiseAugmentation),
            typeof(RolledAugmentation),
            typeof(AtLoss),
            typeof(StepServicesTests.ServicesStrategy),
            typeof(ScoredStrategy)
        );

    /// <summary>Two epochs of four batches; the loss compares the tap <c>map</c> too.</summary>
    internal static string Recipe(
        string? cache,
        string augmentations = "",
        int width = 6,
        int epochs = 2,
        int seed = 1,
        string more = ""
    ) =>
        $$"""
            { "name": "replay", "seed": {{seed}},
              "dataset": { "id": "shapes", "options": { "size": 8, "train": 64, "test": 8 } },
              "validation": { "split": "test" },
              "models": { "teacher": { "id": "counted", "options": { "width": {{width}} } }, "student": { "id": "tiny" } },
              {{(augmentations.Length > 0 ? $"\"augmentations\": {{ {augmentations} }}," : "")}}
              {{(cache is null ? "" : $"\"teacherCache\": {{ {cache} }},")}}
              "losses": [ { "id": "kd" }, { "id": "at", "options": { "taps": ["map"] } } ],
              "strategy": { "id": "offline" }, {{more}}
              "training": { "epochs": {{epochs}}, "batchSize": {{Batch}} },
              "evaluation": { "batchSize": 7 } }
            """;

    internal const string Noise = """ "shared": [ { "id": "noise" } ], "teacher": [ { "id": "noise" } ] """;
}

/// <summary>A network like <see cref="TinyModel"/> that counts the batches of a step's size that it is asked.</summary>
[KdModel("counted")]
public sealed class CountedModel : ModelPlugin<TinyOptions>
{
    internal static int Calls { get; set; }

    /// <summary>The calls of an action.</summary>
    internal static int During(Action action)
    {
        Calls = 0;
        action();
        return Calls;
    }

    public override INetwork Create(ModelRequest request) => new CountedNetwork(Options.Width, request);
}

public sealed class CountedNetwork : nn.Module<Tensor, Tensor>, INetwork
{
    private readonly TinyNetwork net;

    public CountedNetwork(int width, ModelRequest request)
        : base(nameof(CountedNetwork))
    {
        net = new TinyNetwork(width, request);
        RegisterComponents();
    }

    public nn.Module Module => this;

    public NetworkShape Shape => net.Shape;

    public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps)
    {
        if (input.shape[0] == ReplayParts.Batch)
            CountedModel.Calls++;
        return net.Forward(input, mask, taps);
    }

    public override Tensor forward(Tensor input) => net.forward(input);
}

/// <summary>Adds noise of its own to every sample.</summary>
[KdAugmentation("noise")]
public sealed class NoiseAugmentation : Augmentation<NoiseOptions>
{
    public override bool IsSampleWise => true;

    public override Batch Apply(Batch batch, IPartContext context)
    {
        var rows = batch
            .Indices.data<long>()
            .ToArray()
            .Select(i =>
            {
                using var generator = context.Random.Derive(i).NewGenerator(CPU);
                return randn(batch.Input.shape[1..], generator: generator);
            });
        return batch.WithInput(batch.Input + stack(rows) * Options.Size);
    }
}

public sealed record NoiseOptions
{
    public double Size { get; init; } = 0.1;
}

/// <summary>Adds its neighbour to every sample.</summary>
[KdAugmentation("rolled")]
public sealed class RolledAugmentation : Augmentation<NoOptions>
{
    public override Batch Apply(Batch batch, IPartContext context) => batch.WithInput(batch.Input.roll(1, 0));
}
