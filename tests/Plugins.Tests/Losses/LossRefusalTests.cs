using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Losses;

/// <summary>What cannot be compared is refused by name, before the first step where that can be.</summary>
public class LossRefusalTests
{
    private static LossBinding Binding(NetworkShape student, NetworkShape teacher) =>
        new(
            new Dictionary<string, NetworkShape> { ["student"] = student, ["teacher"] = teacher },
            Stubs.Data([3, 8, 8], 10),
            100,
            CPU
        );

    private static NetworkShape Shape(long channels, long classes = 10, long embedding = 8) =>
        new(
            [3, 8, 8],
            classes,
            embedding,
            [new("layer1", [channels, 8, 8], false), new("layer2", [channels, 4, 4], false), new("pooled", [8], false)]
        );

    private static KdException Refused(string id, string options, NetworkShape student, NetworkShape teacher) =>
        Assert.Throws<KdException>(() => LossUnderTest.New(id, options).Bind(Binding(student, teacher)));

    [Theory]
    [InlineData("kd")]
    [InlineData("dkd")]
    [InlineData("dist")]
    [InlineData("lskd")]
    public void Class_counts_that_differ(string id)
    {
        var failure = Refused(id, "{}", Shape(4, classes: 10), Shape(4, classes: 100));
        Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
        Assert.Contains($"'{id}' got a teacher with 100 classes", failure.Message);
    }

    [Theory]
    [InlineData("rkd")]
    [InlineData("pkt")]
    public void A_network_without_embedding_and_a_batch_of_one(string id)
    {
        using var scope = NewDisposeScope();
        var failure = Refused(id, "{}", Shape(4), Shape(4, embedding: 0));
        Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
        Assert.Contains("'teacher'", failure.Message);
        failure = Assert.Throws<KdException>(() => LossUnderTest.Value(id, [ones(1, 3)], [ones(1, 3)]));
        Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
        Assert.Contains("[1, 3]", failure.Message);
    }

    [Fact]
    public void Taps_that_a_network_does_not_have()
    {
        var failure = Refused("at", "{}", Shape(4), Shape(4));
        Assert.Equal(CoreErrors.TapMissing, failure.Code);
        Assert.Contains("'layer3'", failure.Message);
        Assert.Contains("layer2 [4, 4, 4]", failure.Message);
    }

    [Theory]
    [InlineData("at", """{ "taps": ["pooled"] }""", "pooled [8]")]
    [InlineData("nst", """{ "taps": ["layer1"], "teacherTaps": ["pooled"] }""", "pooled [8]")]
    [InlineData("fsp", """{ "taps": ["layer1", "layer2"] }""", "layer1 [4, 8, 8]")]
    public void Taps_that_cannot_be_compared(string id, string options, string named)
    {
        var failure = Refused(id, options, Shape(4), Shape(6));
        Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
        Assert.Contains(named, failure.Message);
        Assert.Contains("teacherTaps", failure.Message);
    }

    [Fact]
    public void A_role_that_is_not_there()
    {
        var failure = Refused("sp", """{ "teacher": "assistant" }""", Shape(4), Shape(4));
        Assert.Equal(CoreErrors.RoleMissing, failure.Code);
        Assert.Contains("'assistant'", failure.Message);
    }

    [Fact]
    public void Taps_are_asked_of_the_roles_that_the_options_name()
    {
        var loss = LossUnderTest.New(
            "at",
            """{ "student": "small", "teacher": "large", "taps": ["layer1"], "teacherTaps": ["layer2"] }"""
        );
        Assert.Equal(["layer1"], loss.Taps("small", Shape(4)));
        Assert.Equal(["layer2"], loss.Taps("large", Shape(4)));
        Assert.Empty(loss.Taps("student", Shape(4)));
    }

    [Fact]
    public void Answers_to_other_samples()
    {
        using var scope = NewDisposeScope();
        foreach (var id in LossUnderTest.OfFeatures)
        {
            Tensor[] student = [ones(3, 2, 4, 4), ones(3, 2, 4, 4)];
            Tensor[] teacher = [.. student.Select(t => t[..2])];
            var failure = Assert.Throws<KdException>(() => LossUnderTest.Value(id, student, teacher));
            Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
            Assert.Contains("[2, 2, 4, 4]", failure.Message);
        }
    }

    [Fact]
    public void Samples_without_classes_and_a_single_class()
    {
        using var scope = NewDisposeScope();
        var batch = Make.Batch(new NoTarget(2));
        var failure = Assert.Throws<KdException>(() =>
            LossUnderTest.New("dkd").Compute(Make.Loss(ones(2, 3), ones(2, 3), batch))
        );
        Assert.Equal(CoreErrors.TargetKind, failure.Code);
        foreach (var id in (string[])["dkd", "lskd"])
        {
            failure = Assert.Throws<KdException>(() => LossUnderTest.Value(id, [ones(2, 1)], [ones(2, 1)], "{}", 0, 0));
            Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
        }
    }

    [Theory]
    [InlineData("dkd", """{ "temperature": 0 }""", "KDP0206")]
    [InlineData("dkd", """{ "beta": -1 }""", "KDP0206")]
    [InlineData("dkd", """{ "warmUpEpochs": 1.5 }""", "KDP0205")]
    [InlineData("dist", """{ "gamma": 1 }""", "KDP0203")]
    [InlineData("dist", """{ "inter": -0.1 }""", "KDP0206")]
    [InlineData("lskd", """{ "temperature": -2 }""", "KDP0206")]
    [InlineData("at", """{ "distance": "l1" }""", "KDP0206")]
    [InlineData("at", """{ "taps": [] }""", "KDP0206")]
    [InlineData("sp", """{ "taps": ["a", "b"], "teacherTaps": ["a"] }""", "KDP0206")]
    [InlineData("fsp", """{ "taps": ["layer1"] }""", "KDP0206")]
    [InlineData("rkd", """{ "angle": 20000 }""", "KDP0206")]
    [InlineData("pkt", """{ "student": "" }""", "KDP0206")]
    public void Options_out_of_bounds(string id, string options, string code)
    {
        var failure = Assert.Throws<RecipeException>(() => LossUnderTest.New(id, options));
        Assert.Contains(code, failure.Message);
    }
}
