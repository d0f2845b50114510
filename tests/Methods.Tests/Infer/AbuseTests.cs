using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;
using KdPlugins.Sre2l;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Infer.Tests;

/// <summary>Options, data and files that do not go together are refused, by name.</summary>
public sealed class AbuseTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kd-infer-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<object> OutOfBounds =>
        [
            new InferOptions { Teachers = [] },
            new InferOptions { ImagesPerClass = 0 },
            new InferOptions { Iterations = 0 },
            new InferOptions { LearningRate = 0 },
            new InferOptions { LearningRate = double.NaN },
            new InferOptions { StatisticsWeight = -1 },
            new InferOptions { Jitter = -1 },
            new InferOptions { Student = "" },
            new Sre2lOptions { BatchSize = 1 },
            new Sre2lOptions { LearningRate = 0 },
            new Sre2lOptions { Teacher = "" },
            new CompensatedSetOptions { Path = "" },
            new CompensatedSetOptions { Path = "x", Target = "boxes" },
        ];

    [Theory]
    [MemberData(nameof(OutOfBounds))]
    public void Options_out_of_bounds_are_refused(object options) =>
        Assert.Throws<ValidationException>(() =>
            Validator.ValidateObject(options, new ValidationContext(options), validateAllProperties: true)
        );

    public static TheoryData<object> WithoutMeaning =>
        [new InferOptions { Labels = LabelMode.Stored }, new Sre2lOptions { Labels = LabelMode.Stored }];

    [Theory]
    [MemberData(nameof(WithoutMeaning))]
    public void Options_that_contradict_each_other_are_refused(object options)
    {
        IDistillationStrategy strategy =
            options is InferOptions ? Stubs.Plugin<InferStrategy>(options) : Stubs.Plugin<Sre2lStrategy>(options);
        var error = Assert.Throws<KdException>(() =>
            strategy.Plan(new PlanContextStub { Data = Stubs.Data([3, 8, 8], 4) })
        );
        Assert.Equal("KDP0306", error.Code.Id);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Data_without_classes_are_refused(bool infer)
    {
        IDistillationStrategy strategy = infer
            ? Stubs.Plugin<InferStrategy>(new InferOptions())
            : Stubs.Plugin<Sre2lStrategy>(new Sre2lOptions());
        var data = new PlanContextStub { Data = Stubs.Data([3, 8, 8], 4, TargetKind.ClassMap) };
        Assert.Equal("KDP0304", Assert.Throws<KdException>(() => strategy.Plan(data)).Code.Id);
    }

    [Fact]
    public void Who_is_needed_depends_on_what_is_asked()
    {
        static string Needs(InferOptions o) =>
            string.Join(' ', ((IDistillationStrategy)Stubs.Plugin<InferStrategy>(o)).Needs);
        Assert.Equal("a b student", Needs(new() { Teachers = ["a", "b"] }));
        Assert.Equal("a student", Needs(new() { Teachers = ["a"], Labels = LabelMode.Classes }));
        Assert.Equal("student", Needs(new() { Labels = LabelMode.Classes, Compensate = false }));
        Assert.Equal("student", Needs(new() { Labels = LabelMode.Stored, Source = "small" }));
        Assert.Equal("teacher student", Needs(new() { Labels = LabelMode.Static, Source = "small" }));
    }

    public static TheoryData<string, string> Damages =>
        new()
        {
            { "order", "not in the order" },
            { "codes", "compensators" },
            { "ranges", "compensator-ranges" },
            { "infinite", "NaN or infinite" },
            { "number", "3 compensators for 2" },
            { "logits", "instance-logits" },
            { "count", "of 4 classes" },
            { "float", "its images are" },
        };

    [Theory]
    [MemberData(nameof(Damages))]
    public void A_set_that_is_none_is_refused(string damage, string says)
    {
        Write(damage);
        var options = new CompensatedSetOptions { Path = "set", Target = damage == "logits" ? "soft" : "labels" };
        var plugin = Stubs.Plugin<CompensatedSetPlugin>(options);
        var error = Assert.Throws<KdException>(() => plugin.Open(_folder));
        Assert.Equal("KDP0404", error.Code.Id);
        Assert.Contains(says, error.Message);
    }

    [Fact]
    public void A_whole_set_opens_and_has_only_its_training_split()
    {
        Write("");
        using var set = Stubs.Plugin<CompensatedSetPlugin>(new CompensatedSetOptions { Path = "set" }).Open(_folder);
        Assert.Equal(8 + 2 * 4, set.Open("train").Count);
        Assert.Equal("KDP0402", Assert.Throws<KdException>(() => set.Open("test")).Code.Id);
        Assert.Equal(64, set.Fingerprint.Length);
        Assert.Equal(TargetKind.ClassIndex, set.Info.Target);
    }

    [Fact]
    public void A_missing_set_is_named()
    {
        var plugin = Stubs.Plugin<CompensatedSetPlugin>(new CompensatedSetOptions { Path = "nowhere" });
        var error = Assert.Throws<KdException>(() => plugin.Open(_folder));
        Assert.Equal("KDP0401", error.Code.Id);
        Assert.Contains("nowhere", error.Message);
    }

    // C = 4, P = 2, M = 1.
    private void Write(string damage)
    {
        using var _ = NewDisposeScope();
        var images = randint(0, 256, [damage == "count" ? 6 : 8, 3, 8, 8]).to(ScalarType.Byte);
        var labels = arange(images.shape[0]).remainder(4);
        var k = damage == "number" ? 3 : 2;
        var (codes, ranges) = CompensatorCode.Encode(randn(k, 3, 8, 8));
        var tensors = new Dictionary<string, Tensor>
        {
            ["images"] = damage == "float" ? images.to(ScalarType.Float32) / 255 : images,
            ["labels"] = damage == "order" ? labels.flip(0) : labels,
            ["compensators"] = damage == "codes" ? codes[.., .., ..4] : codes,
            ["compensator-ranges"] = damage switch
            {
                "ranges" => ranges[.., ..2],
                "infinite" => ranges / 0,
                _ => ranges,
            },
            ["instance-logits"] = randn(damage == "logits" ? 15 : 16, 4),
        };
        var folder = Directory.CreateDirectory(Path.Combine(_folder, "set")).FullName;
        foreach (var name in tensors.Keys.ToArray())
            tensors[name] = tensors[name].contiguous();
        DistilledSet.Write(folder, "set", Stubs.Data([3, 8, 8], 4), new Dictionary<string, string>(), tensors);
    }
}
