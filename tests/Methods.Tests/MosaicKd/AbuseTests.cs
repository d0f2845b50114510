using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;
using KdPlugins.Generators;
using KdPlugins.Testing;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.MosaicKd.Tests;

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

    [Theory]
    [InlineData("")]
    [InlineData(""", "local": 0""")]
    [InlineData(""", "outOfDomainBatch": false""")]
    [InlineData(""", "local": 0, "outOfDomainBatch": false""")]
    [InlineData(""", "keep": 4""")]
    public void Missing_images(string options) =>
        Refused(
            SmallRun.Recipe(options).Replace("\"source\": \"images\"", "\"source\": \"imagse\""),
            CoreErrors.SourceMissing,
            "'imagse'",
            "images"
        );

    [Fact]
    public void Images_of_another_size() =>
        Refused(
            SmallRun.Recipe(ood: SmallRun.Ood.Replace("\"size\": 8", "\"size\": 12")),
            CoreErrors.ShapesDiffer,
            "[3, 12, 12]",
            "[3, 8, 8]",
            "'images'"
        );

    [Fact]
    public void Losses_that_ask_no_teacher() =>
        Refused(SmallRun.Recipe(losses: """{ "id": "cross-entropy" }"""), CoreErrors.WrongCombination, "teacher");

    [Fact]
    public void A_teacher_of_other_classes() =>
        Refused(
            SmallRun.Recipe(teacher: """{ "id": "plain", "options": { "classes": 5 } }"""),
            CoreErrors.ShapesDiffer,
            "5",
            "4"
        );

    [Fact]
    public void Targets_that_are_no_classes() =>
        Refused(SmallRun.Recipe(shapes: """, "target": "mask" """), CoreErrors.TargetKind, "ClassMap");

    [Fact]
    public void Images_that_a_deep_discriminator_cannot_halve() =>
        Refused(SmallRun.Recipe(""", "discriminatorSteps": 4"""), CoreErrors.ShapesDiffer, "4 times", "[3, 8, 8]");

    [Fact]
    public void Images_that_the_deep_generator_cannot_make() =>
        Refused(
            SmallRun.Recipe(generator: """{ "id": "mosaic-generator", "options": { "form": "deep" } }"""),
            CoreErrors.ShapesDiffer,
            "multiples of 32",
            "[3, 8, 8]"
        );

    [Fact]
    public void A_role_of_the_discriminators_name()
    {
        var recipe = SmallRun
            .Recipe()
            .Replace("\"student\": { \"id\"", "\"discriminator\": { \"like\": \"teacher\" }, \"student\": { \"id\"");
        Refused(recipe, CoreErrors.WrongCombination, "'discriminator'");
    }

    [Fact]
    public void Options_out_of_bounds_and_those_that_contradict()
    {
        object[] bad =
        [
            new MosaicKdOptions { Keep = -1 },
            new MosaicKdOptions { InnerSteps = 0 },
            new MosaicKdOptions { StepsPerEpoch = -1 },
            new MosaicKdOptions { Adversarial = -1 },
            new MosaicKdOptions { Align = 1001 },
            new MosaicKdOptions { Local = -0.1 },
            new MosaicKdOptions { Balance = -1 },
            new MosaicKdOptions { GeneratorRate = 0 },
            new MosaicKdOptions { DiscriminatorRate = 2 },
            new MosaicKdOptions { DiscriminatorSteps = 5 },
            new MosaicKdOptions { DiscriminatorSteps = 1 },
            new MosaicKdOptions { DiscriminatorWidth = -1 },
            new MosaicKdOptions { OutputStride = 0 },
            new MosaicKdOptions { Source = "" },
            new MosaicKdOptions { Generator = "" },
            new MosaicGeneratorOptions { Latent = 0 },
            new MosaicGeneratorOptions { Width = 0 },
        ];
        foreach (var options in bad)
            Assert.Throws<ValidationException>(() =>
                Validator.ValidateObject(options, new ValidationContext(options), validateAllProperties: true)
            );
        void Contradicts(MosaicKdOptions options, string part)
        {
            var failure = Assert.Throws<KdException>(() => Stubs.Plugin<MosaicKdStrategy>(options));
            Assert.Equal(CoreErrors.WrongCombination.Id, failure.Code.Id);
            Assert.Contains(part, failure.Message);
        }
        Contradicts(
            new()
            {
                Adversarial = 0,
                Align = 0,
                Local = 0,
                Balance = 0,
            },
            "by nothing"
        );
        Contradicts(
            new()
            {
                Keep = 5,
                Local = 0,
                OutOfDomainBatch = false,
            },
            "uses none"
        );
        Assert.Throws<RecipeException>(() => _runs.Read(SmallRun.Recipe(""", "lambda": 0.25""")));
        Assert.Throws<RecipeException>(() => _runs.Read(SmallRun.Recipe(""", "patches": "median" """)));
    }

    [Fact]
    public void Defaults_are_the_published_ones()
    {
        var o = new MosaicKdOptions();
        Assert.Equal((1, 1, 1, 10), (o.Adversarial, o.Align, o.Local, o.Balance));
        Assert.Equal((5, 1e-3, 1e-3), (o.InnerSteps, o.GeneratorRate, o.DiscriminatorRate));
        Assert.Equal(PatchReduction.Sum, o.Patches);
        var g = new MosaicGeneratorOptions();
        Assert.Equal((100, 64, MosaicForm.Small), (g.Latent, g.Width, g.Form));
    }

    [Fact]
    public void A_generator_that_is_used_wrongly()
    {
        using var scope = NewDisposeScope();
        var generator = Stubs.Plugin<MosaicGenerator>(new MosaicGeneratorOptions { Latent = 6, Width = 2 });
        var early = Assert.Throws<KdException>(() => generator.Decode(zeros(2, 6)));
        Assert.Equal(CoreErrors.NotConfigured, early.Code);
        var kind = Assert.Throws<KdException>(() => generator.Bind(new(Stubs.Data([3, 8, 10], 4), CPU)));
        Assert.Equal(CoreErrors.ShapesDiffer, kind.Code);
        generator.Bind(new(Stubs.Data([3, 8, 8], 4), CPU));
        var shape = Assert.Throws<KdException>(() => generator.Decode(zeros(2, 5)));
        Assert.Contains("[batch, 6]", shape.Message);
        var classes = Assert.Throws<KdException>(() =>
            generator.Sample(2, zeros(2, ScalarType.Int64), new PartContextStub())
        );
        Assert.Equal(CoreErrors.WrongCombination, classes.Code);
    }
}
