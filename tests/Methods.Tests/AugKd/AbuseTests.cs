using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;
using KdPlugins.Generators;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.AugKd.Tests;

/// <summary>What cannot work is refused before the first step, and the message says why.</summary>
public sealed class AbuseTests : IDisposable
{
    private readonly RecipeRun _runs = new(SmallRun.Catalog);

    public void Dispose() => _runs.Dispose();

    private void Refused(string recipe, ErrorCode code, params string[] parts)
    {
        var failure = Assert.Throws<KdException>(() => _runs.Whole(recipe, Guid.NewGuid().ToString("n")));
        Assert.Equal(code.Id, failure.Code.Id);
        foreach (var part in parts)
            Assert.Contains(part, failure.Message);
    }

    [Fact]
    public void A_missing_generator() =>
        Refused(SmallRun.Recipe(""", "generator": "other" """), CoreErrors.RoleMissing, "'other'", "main");

    [Fact]
    public void A_generator_without_latent_vector() =>
        Refused(SmallRun.Recipe(generator: """{ "id": "latentless" }"""), CoreErrors.WrongCombination, "'main'");

    [Fact]
    public void Losses_that_ask_no_teacher() =>
        Refused(SmallRun.Recipe(losses: """[ { "id": "cross-entropy" } ]"""), CoreErrors.WrongCombination, "teacher");

    [Fact]
    public void A_teacher_without_batch_norms() =>
        Refused(SmallRun.Recipe(teacher: """{ "id": "plain" }"""), CoreErrors.WrongCombination, "batch norms", "norms");

    [Fact]
    public void A_teacher_of_other_classes() =>
        Refused(
            SmallRun.Recipe(teacher: """{ "id": "plain", "options": { "classes": 5 } }"""),
            CoreErrors.ShapesDiffer,
            "5 classes",
            "4"
        );

    [Fact]
    public void Targets_that_are_no_classes() =>
        Refused(SmallRun.Recipe(shapes: """, "target": "mask" """), CoreErrors.TargetKind, "ClassMap");

    [Theory]
    [InlineData("""{ "id": "linear-generator" }""")]
    [InlineData("""{ "id": "upsample-generator" }""")]
    public void Images_that_cannot_be_halved_twice(string generator) =>
        Refused(
            SmallRun.Recipe(shapes: "", generator: generator).Replace("\"size\": 8", "\"size\": 10"),
            CoreErrors.ShapesDiffer,
            "[3, 10, 10]"
        );

    [Fact]
    public void Options_out_of_bounds_and_unknown_ones()
    {
        object[] bad =
        [
            new AugKdOptions { A = 0 },
            new AugKdOptions { A = 1.1 },
            new AugKdOptions { B = -0.1 },
            new AugKdOptions { Invariant = 2 },
            new AugKdOptions { InnerSteps = 0 },
            new AugKdOptions { StepsPerEpoch = 0 },
            new AugKdOptions { GeneratorRate = 0 },
            new AugKdOptions { Generator = "" },
            new AugKdOptions { EncoderWidth = 0 },
            new AugKdMixOptions { Temperature = 0 },
            new AugKdMixOptions { Labels = 1.5 },
            new UpsampleGeneratorOptions { Latent = 0 },
            new UpsampleGeneratorOptions { Width = 3 },
        ];
        foreach (var options in bad)
            Assert.Throws<ValidationException>(() =>
                Validator.ValidateObject(options, new ValidationContext(options), validateAllProperties: true)
            );
        Assert.Throws<RecipeException>(() => _runs.Read(SmallRun.Recipe(""", "lambda": 0.25""")));
        Assert.Throws<RecipeException>(() => _runs.Read(SmallRun.Recipe(""", "schedule": "cosine" """)));
    }

    [Fact]
    public void A_generator_that_is_used_wrongly()
    {
        using var scope = NewDisposeScope();
        var generator = Stubs.Plugin<UpsampleGenerator>(new UpsampleGeneratorOptions { Latent = 6, Width = 8 });
        var early = Assert.Throws<KdException>(() => generator.Decode(zeros(2, 6)));
        Assert.Equal(CoreErrors.NotConfigured, early.Code);
        var tokens = new DataInfo(InputKind.Tokens, [-1], TargetKind.Tokens, 9, [], [], [], []);
        var kind = Assert.Throws<KdException>(() => generator.Bind(new GeneratorBinding(tokens, CPU)));
        Assert.Equal(CoreErrors.ShapesDiffer, kind.Code);
        generator.Bind(new GeneratorBinding(Stubs.Data([3, 8, 8], 4), CPU));
        var shape = Assert.Throws<KdException>(() => generator.Decode(zeros(2, 5)));
        Assert.Equal(CoreErrors.ShapesDiffer, shape.Code);
        Assert.Contains("6", shape.Message);
        var classes = Assert.Throws<KdException>(() =>
            generator.Sample(2, zeros(2, ScalarType.Int64), new PartContextStub())
        );
        Assert.Equal(CoreErrors.WrongCombination, classes.Code);
        Assert.Throws<KdException>(() => Stubs.Plugin<UpsampleGenerator>(new UpsampleGeneratorOptions { Width = 10 }));
    }

    [Fact]
    public void A_generators_samples_are_a_function_of_the_random_stream()
    {
        using var scope = NewDisposeScope();
        var generator = Stubs.Plugin<UpsampleGenerator>(new UpsampleGeneratorOptions { Latent = 6, Width = 8 });
        generator.Bind(new GeneratorBinding(Stubs.Data([3, 8, 8], 4), CPU));
        generator.Module!.eval();
        double[] Sample(ulong key) =>
            Goldens.Flat(generator.Sample(2, null, new PartContextStub { Random = new RandomKey(key) }).Input);
        Assert.Equal(Sample(1), Sample(1));
        Assert.NotEqual(Sample(1), Sample(2));
    }
}
