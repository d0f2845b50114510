using KdPlugins.AugKd.Tests;
using KdPlugins.Augmentations;
using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Generators;
using KdPlugins.Losses;
using KdPlugins.Models;
using KdPlugins.Sdk;
using KdPlugins.Strategies;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace KdPlugins.MosaicKd.Tests;

/// <summary>A whole run of the method that takes a moment.</summary>
internal static class SmallRun
{
    public static TestCatalog Catalog { get; } =
        TestCatalog
            .Of(
                typeof(MosaicKdStrategy).Assembly,
                typeof(MosaicGenerator).Assembly,
                typeof(NormaliseAugmentation).Assembly,
                typeof(KdLoss).Assembly,
                typeof(CifarResNetPlugin).Assembly,
                typeof(SupervisedStrategy).Assembly,
                typeof(ShapesPlugin).Assembly,
                typeof(Meters.ClassificationMeter).Assembly
            )
            .With(typeof(GuardedShapes), typeof(LatentlessGenerator), typeof(PlainModel), typeof(UnlabelledShapes));

    public const string Ood = """
        { "id": "shapes", "options": { "size": 8, "classes": 4, "firstClass": 4, "train": 32 } }
        """;

    /// <summary>The steps of a run: one epoch of 32 images in batches of 8.</summary>
    public const int Steps = 4;

    /// <summary>The recipe's text.</summary>
    /// <param name="options">Further options of the strategy, each with a comma in front.</param>
    /// <param name="ood">The out-of-domain images' section.</param>
    /// <param name="dataset">The id of the main data set.</param>
    /// <param name="shapes">Further options of the main data set, each with a comma in front.</param>
    /// <param name="generator">The generator's section.</param>
    /// <param name="losses">The student's objective.</param>
    /// <param name="teacher">The teacher's section.</param>
    /// <param name="student">The student's own views.</param>
    /// <param name="rate">The student's learning rate.</param>
    /// <param name="more">Further keys of the training section, each with a comma in front.</param>
    public static string Recipe(
        string options = "",
        string ood = Ood,
        string dataset = "shapes",
        string shapes = "",
        string generator = """{ "id": "mosaic-generator", "options": { "latent": 6, "width": 2 } }""",
        string losses = """{ "id": "kd", "options": { "temperature": 1 } }""",
        string teacher = """{ "id": "cifar-resnet", "options": { "depth": 8 } }""",
        string student = "",
        string rate = "0.01",
        string more = ""
    ) =>
        $$"""
            { "name": "small-mosaic-kd",
              "dataset": { "id": "{{dataset}}",
                           "options": { "size": 8, "classes": 4, "train": 24, "test": 16 {{shapes}} } },
              "validation": { "count": 8 },
              "sources": { "images": {{ood}} },
              "models": { "teacher": {{teacher}}, "student": { "id": "cifar-resnet", "options": { "depth": 8 } } },
              "augmentations": { "shared": [ { "id": "horizontal-flip" }, { "id": "normalise" } ], "student": [ {{student}} ] },
              "generators": { "main": {{generator}} },
              "losses": [ {{losses}} ],
              "strategy": { "id": "mosaic-kd", "options": { "source": "images", "innerSteps": 2, "discriminatorWidth": 4
                                                            {{options}} } },
              "training": { "epochs": 1, "batchSize": 8, "optimiser": { "learningRate": {{rate}} } {{more}} } }
            """;
}

/// <summary>Shapes that say nothing about their classes.</summary>
[KdDataset("unlabelled-shapes")]
public sealed class UnlabelledShapes : DatasetPlugin<ShapesOptions>
{
    public override IDataset Open(string baseFolder)
    {
        IPlugin shapes = new ShapesPlugin();
        shapes.Configure(Options);
        return new Unlabelled(((ShapesPlugin)shapes).Open(baseFolder));
    }

    private sealed class Unlabelled(IDataset inner) : IDataset
    {
        public DataInfo Info { get; } =
            new(InputKind.Image, inner.Info.InputShape, TargetKind.None, 0, [], inner.Info.Mean, inner.Info.Std, []);

        public IReadOnlyCollection<string> Splits => inner.Splits;
        public string Fingerprint => inner.Fingerprint;

        public IDataSource Open(string split) => new Source(inner.Open(split));

        public void Dispose() => inner.Dispose();
    }

    private sealed class Source(IDataSource inner) : IDataSource
    {
        public long Count => inner.Count;

        public Batch Read(ReadOnlyMemory<long> indices) => inner.Read(indices).WithTarget(new NoTarget(indices.Length));
    }
}
