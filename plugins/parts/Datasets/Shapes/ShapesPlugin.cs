using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Datasets;

/// <summary>Small images of textured shapes, computed from a seed: for trials, examples and tests without any download.</summary>
[KdDataset(
    "shapes",
    Description = "Procedural images of textured shapes, with class, mask or box targets and a domain shift"
)]
public sealed class ShapesPlugin : DatasetPlugin<ShapesOptions>
{
    /// <inheritdoc/>
    public override IDataset Open(string baseFolder) => new ShapesDataset(Options);

    /// <inheritdoc/>
    /// <exception cref="KdPlugins.Torch.KdException"><c>KDP0306</c>: there are not so many classes.</exception>
    protected override void OnConfigured()
    {
        var all = ShapeForm.Names.Length * ShapeTexture.Names.Length;
        if (Options.FirstClass + Options.Classes > all)
            throw Asker.WrongCombination(
                $"has {all} classes, and {Options.Classes} from number {Options.FirstClass} on are asked for.",
                "Lower \"classes\" or \"firstClass\"."
            );
    }
}
