using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Datasets;
using KdPlugins.Losses;
using KdPlugins.Testing;

namespace KdPlugins.Core.Tests.Engine;

/// <summary>Runs of the plugins that prove the contracts.</summary>
internal static class EngineRun
{
    internal static Type[] Types { get; } =
    [
        typeof(ShapesPlugin),
        typeof(KdPlugins.Losses.CrossEntropyLoss),
        typeof(KdLoss),
        typeof(KdPlugins.Meters.ClassificationMeter),
        typeof(KdPlugins.Meters.SegmentationMeter),
        typeof(KdPlugins.Meters.TokensMeter),
        typeof(KdPlugins.Strategies.SupervisedStrategy),
        typeof(KdPlugins.Strategies.OfflineStrategy),
        typeof(TinyModel),
        typeof(TinyDenseModel),
        typeof(ProofGenerator),
        typeof(MixAugmentation),
        typeof(AnchorStrategy),
        typeof(RidgeStrategy),
        typeof(DenseStrategy),
        typeof(MutualStrategy),
    ];

    internal static TestCatalog Catalog { get; } = new(Types);

    internal static Recipe Read(string recipe) =>
        RecipeReader.ReadText(recipe, Directory.GetCurrentDirectory(), RecipeOverrides.None, Catalog);
}
