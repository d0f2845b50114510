using System.Text.Json.Nodes;
using KdPlugins.AugKd;
using KdPlugins.Augmentations;
using KdPlugins.Datasets;
using KdPlugins.Frskd;
using KdPlugins.Generators;
using KdPlugins.GoodDaKd;
using KdPlugins.Icda;
using KdPlugins.KrrSt;
using KdPlugins.Losses;
using KdPlugins.Models;
using KdPlugins.MosaicKd;
using KdPlugins.Rdd;
using KdPlugins.SelectiveFd;
using KdPlugins.SelfSupervised;
using KdPlugins.Sokd;
using KdPlugins.Sre2l;
using KdPlugins.Strategies;
using KdPlugins.Testing;

namespace KdPlugins.Composition.Tests;

/// <summary>The shipped plugins, the witness, and what a run wrote about itself.</summary>
internal static class Parts
{
    public static TestCatalog Catalog { get; } =
        TestCatalog
            .Of(
                typeof(AugKdStrategy).Assembly,
                typeof(NormaliseAugmentation).Assembly,
                typeof(ShapesPlugin).Assembly,
                typeof(UpsampleGenerator).Assembly,
                typeof(FrskdStrategy).Assembly,
                typeof(GoodDaKdStrategy).Assembly,
                typeof(IcdaStrategy).Assembly,
                typeof(KrrStStrategy).Assembly,
                typeof(KdLoss).Assembly,
                typeof(Meters.ClassificationMeter).Assembly,
                typeof(CifarResNetPlugin).Assembly,
                typeof(MosaicKdStrategy).Assembly,
                typeof(TwoViewsStrategy).Assembly,
                typeof(RddStrategy).Assembly,
                typeof(SelectiveFdStrategy).Assembly,
                typeof(SokdStrategy).Assembly,
                typeof(Sre2lStrategy).Assembly,
                typeof(OfflineStrategy).Assembly
            )
            .With(typeof(Witness));

    /// <summary>Runs a recipe and gives what the witness saw.</summary>
    public static IReadOnlyList<Seen> Watched(this RecipeRun runs, string recipe, string name)
    {
        Witness.All.Clear();
        runs.Whole(recipe, name);
        return [.. Witness.All];
    }

    /// <summary>The values of a stage's events that carry a name.</summary>
    public static IReadOnlyList<JsonObject> Values(this RecipeRun runs, string name, string stage, string carried) =>
        [
            .. File.ReadLines(Path.Combine(runs.Path(name), "events.jsonl"))
                .Select(line => JsonNode.Parse(line)!)
                .Where(e => (string?)e["stage"] == stage)
                .Select(e => e["values"] as JsonObject)
                .OfType<JsonObject>()
                .Where(values => values.ContainsKey(carried)),
        ];
}
