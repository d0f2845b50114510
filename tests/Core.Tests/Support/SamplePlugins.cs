using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Testing;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Support;

/// <summary>Plugins that only have options: enough to read recipes.</summary>
public static class SamplePlugins
{
    public static TestCatalog Catalog() =>
        new(
            typeof(ShapesDataset),
            typeof(FolderDataset),
            typeof(SampleNet),
            typeof(CropAugmentation),
            typeof(FlipAugmentation),
            typeof(CrossEntropyLoss),
            typeof(SampleKdLoss),
            typeof(SampleGenerator),
            typeof(OfflineStrategy),
            typeof(SupervisedStrategy),
            typeof(PickyStrategy),
            typeof(HitsMeter)
        );
}

public sealed record ShapesOptions
{
    /// <summary>Samples of the training split.</summary>
    [Range(1, 1_000_000)]
    public int Samples { get; init; } = 1000;
}

public abstract class SampleDataset<T> : DatasetPlugin<T>
    where T : class, new()
{
    public override IDataset Open(string baseFolder) => throw new NotSupportedException();
}

[KdDataset("shapes", Description = "Drawn shapes.")]
public sealed class ShapesDataset : SampleDataset<ShapesOptions>;

public sealed record FolderOptions
{
    [Required, MinLength(1), Description("The folder that holds one folder per class.")]
    public string? Path { get; init; }
}

[KdDataset("folder")]
public sealed class FolderDataset : SampleDataset<FolderOptions>;

public enum Activation
{
    Relu,
    LeakyRelu,
}

public sealed record SampleNetOptions
{
    [AllowedValues(8, 20, 32)]
    public int Depth { get; init; } = 20;

    public Activation Activation { get; init; }

    [Range(0.25, 4.0)]
    public float Width { get; init; } = 1;
}

[KdModel("cifar-resnet")]
public sealed class SampleNet : ModelPlugin<SampleNetOptions>
{
    public override INetwork Create(ModelRequest request) => throw new NotSupportedException();
}

public sealed record CropOptions
{
    [Range(0, 16)]
    public int Padding { get; init; } = 4;
}

[KdAugmentation("random-crop")]
public sealed class CropAugmentation : Augmentation<CropOptions>
{
    public override Batch Apply(Batch batch, IPartContext context) => batch;
}

[KdAugmentation("flip")]
public sealed class FlipAugmentation : Augmentation<NoOptions>
{
    public override Batch Apply(Batch batch, IPartContext context) => batch;
}

public sealed record CrossEntropyOptions
{
    [Range(0.0, 1.0, MaximumIsExclusive = true)]
    public double Smoothing { get; init; }
}

[KdLoss("cross-entropy")]
public sealed class CrossEntropyLoss : DistillationLoss<CrossEntropyOptions>
{
    public override bool NeedsTeacher => false;

    public override Tensor Compute(ILossContext context) => throw new NotSupportedException();
}

public sealed record SampleKdOptions
{
    [Range(0.0, 100.0, MinimumIsExclusive = true)]
    public double Temperature { get; init; } = 4;

    public IReadOnlyList<string> Taps { get; init; } = [];

    public int? Top { get; init; }

    public IReadOnlyDictionary<string, double> Shares { get; init; } = new Dictionary<string, double>();
}

[KdLoss("kd", Description = "Softened outputs.", Paper = "Hinton et al. 2015")]
public sealed class SampleKdLoss : DistillationLoss<SampleKdOptions>
{
    public override Tensor Compute(ILossContext context) => throw new NotSupportedException();
}

[KdGenerator("noise")]
public sealed class SampleGenerator : Generator<NoOptions>
{
    public override void Bind(GeneratorBinding binding) { }

    public override Batch Sample(long count, Tensor? labels, IPartContext context) => throw new NotSupportedException();
}

public abstract class SampleStrategy<T> : DistillationStrategy<T>
    where T : class, new()
{
    public override IReadOnlyList<Stage> Plan(IPlanContext context) => [];
}

[KdStrategy("offline")]
public sealed class OfflineStrategy : SampleStrategy<NoOptions>;

public sealed record SupervisedOptions
{
    [Required]
    public string Role { get; init; } = Roles.Student;
}

[KdStrategy("supervised")]
public sealed class SupervisedStrategy : SampleStrategy<SupervisedOptions>
{
    public override IReadOnlyCollection<string> Needs => [Options.Role];

    public override string Result => Options.Role;
}

public sealed record PickyOptions
{
    public int Low { get; init; }

    public int High { get; init; } = 1;
}

[KdStrategy("picky")]
public sealed class PickyStrategy : SampleStrategy<PickyOptions>
{
    protected override void OnConfigured()
    {
        if (Options.Low > Options.High)
            throw new KdException(CoreErrors.WrongCombination, "low is above high.");
    }
}
