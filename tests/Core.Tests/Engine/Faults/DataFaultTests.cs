using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Faults;

/// <summary>Each batch of a data set is looked at where it comes in: plugin, sample and expectation are named.</summary>
public sealed class DataFaultTests : FaultRuns
{
    private const string Data = """{ "id": "faulty-data" }""";
    private const string Who = "Data set 'faulty-data' (split 'train')";

    [Theory]
    [InlineData("", null)]
    [InlineData("bytes", null)]
    [InlineData("learned", null)] // a distilled set that leaves [0, 1]
    [InlineData("range", "KDP0762 # gives values from 0 to 255 as Float32[4, 3, 4, 4], the first such in sample ")]
    [InlineData("double", "KDP0763 # gives inputs as Float64[4, 3, 4, 4]")]
    [InlineData("half", "KDP0763 # gives inputs as Float16[4, 3, 4, 4]")]
    [InlineData("nan", "KDP0764 # gives values that are not finite for sample 7.")]
    [InlineData("infinite", "KDP0764 # gives values that are not finite for sample 7.")]
    [InlineData("few", "KDP0760 # was asked for 4 samples (numbers ")]
    [InlineData("many", "KDP0760 # was asked for 4 samples (numbers ")]
    [InlineData("few-labels", "and gave 3 targets.")]
    [InlineData("few-indices", "and gave 3 indices.")]
    [InlineData("shifted", "KDP0761 # was asked for the sample ")]
    [InlineData("twice", "KDP0761 # was asked for the sample ")]
    [InlineData("no-indices", "KDP0761 # gives batches without indices.")]
    [InlineData("generated", "and says that it gave -1.")]
    [InlineData("label", "KDP0405 # gives the label 10 for sample 7; its Info says 10 classes")]
    [InlineData("negative", "KDP0405 # gives the label -1 for sample 7")]
    [InlineData("int-labels", "KDP0763 # gives labels as Int32[4]")]
    [InlineData("one-hot", "KDP0766 # gives targets of the kind Soft; its Info says ClassIndex.")]
    [InlineData("no-target", "KDP0766 # gives batches without a target")]
    [InlineData("shape", "KDP0765 # gives inputs as Float32[4, 3, 5, 4] for the samples ")]
    [InlineData("flat", "KDP0765 # gives inputs as Float32[4, 48]")]
    [InlineData("null", "KDP0741 # gave null for the samples ")]
    [InlineData("throws", "KDP0740 Data set 'faulty-data' failed while samples ")]
    public void A_batch_that_is_not_what_was_promised(string fault, string? says)
    {
        Now.Open = () => new Opened(fault);
        Now.Plan = context => Training(context, Learn, 6);
        if (says is null)
            Run(Recipe(data: Data));
        else
        {
            var failure = Assert.Throws<KdException>(() => Run(Recipe(data: Data)));
            Assert.Contains(says.Replace("#", Who), failure.Message);
            Assert.NotEqual("", failure.Code.Remedy);
        }
    }

    [Theory]
    [InlineData("no-info", "has no Info")]
    [InlineData("no-shape", "says no InputShape")]
    [InlineData("no-fingerprint", "has an empty Fingerprint")]
    [InlineData("no-splits", "names no Splits")]
    [InlineData("no-classes", "says 0 classes for targets of classes")]
    [InlineData("names", "says 3 class names for 10 classes")]
    [InlineData("mean", "says Mean 125: it is that of values in [0, 1]")]
    [InlineData("std", "says Std 0: ")]
    [InlineData("channels", "says 2 values of Mean for 3 channels")]
    public void A_data_set_that_describes_itself_wrongly(string fault, string says)
    {
        Now.Open = () => new Opened(fault);
        Now.Plan = context => Training(context, Learn);
        FailsOn(PluginErrors.BadInfo, Recipe(data: Data), $"Data set 'faulty-data' {says}");
    }

    [Theory]
    [InlineData("no-samples", "KDP0310 The source 'train' has 0 samples (split 'train' of data set 'faulty-data')")]
    [InlineData("null-split", "KDP0741 Open of data set 'faulty-data' gave null while its split 'train' was opened")]
    [InlineData("null-open", "KDP0741 Open of data set 'faulty-data' gave null while it was opened")]
    public void A_data_set_without_samples(string fault, string says)
    {
        Now.Open = () => fault == "null-open" ? null! : new Opened(fault);
        Now.Plan = context => Training(context, Learn);
        var recipe = Recipe(data: Data).Replace("\"count\": 4", "\"split\": \"test\"");
        var failure = Assert.Throws<KdException>(() => Run(recipe));
        Assert.Contains(says, failure.Message);
    }

    // Values are looked at in the first batches, then in one of 64; everything else always.
    [Theory]
    [InlineData("range", 3, true)]
    [InlineData("range", 5, false)]
    [InlineData("range", 64, true)]
    [InlineData("label", 5, true)]
    [InlineData("shape", 5, true)]
    public void Values_are_looked_at_now_and_then_and_the_rest_always(string fault, int read, bool found)
    {
        var (good, bad) = (new Source("", 16), new Source(fault, 16));
        var check = new BatchCheck("It", Opened.Description(""));
        using var scope = NewDisposeScope();
        long[] asked = [5, 7, 9, 2];
        for (var n = 0; n < read; n++)
            check.See(asked, good.Read(asked));
        if (found)
            Assert.Throws<KdException>(() => check.See(asked, bad.Read(asked)));
        else
            check.See(asked, bad.Read(asked));
    }

    [Fact]
    public void A_source_that_a_strategy_adds_is_looked_at_too()
    {
        Now.Plan = context =>
        {
            context.AddSource("made", new Source("few", 16));
            return Training(context, (step, _) => step.Next("made"));
        };
        Fails(PluginErrors.OtherCount, "Strategy 'faulty' (source 'made') was asked for 4 samples");
        Now.Plan = context =>
        {
            context.AddSource("made", new Source("generated", 16));
            return [new("main", StageLength.Steps(2), step => step.Next("made"))];
        };
        Runs.Whole(Recipe(), "generated");
    }

    [Fact]
    public void An_evaluation_and_samples_by_number_are_looked_at_too()
    {
        Now.Open = () => new Opened("test-few");
        Now.Plan = context => Training(context, (step, _) => step.Evaluate(Roles.Student, "test", 0));
        FailsOn(PluginErrors.OtherCount, Recipe(data: Data), "Data set 'faulty-data' (split 'test')");
        Now.Plan = context => Training(context, (step, _) => step.Read("test", new long[] { 1, 2, 3 }));
        var failure = Assert.Throws<KdException>(() => Runs.Whole(Recipe(data: Data), "other"));
        Assert.Contains("was asked for 3 samples (numbers 1, 2, 3)", failure.Message);
    }

    [Fact]
    public void Maps_may_hold_the_class_that_does_not_count()
    {
        var info = new DataInfo(InputKind.Image, [3, 4, 4], TargetKind.ClassMap, 3, [], [], [], []);
        using var scope = NewDisposeScope();
        var labels = zeros(2, 4, 4, dtype: ScalarType.Int64);
        var batch = new Batch(rand(2, 3, 4, 4), new ClassMapTarget(labels, 255), tensor(new long[] { 0, 1 }));
        labels[1, 2, 3] = 255;
        new BatchCheck("It", info).See(new long[] { 0, 1 }, batch);
        labels[1, 2, 3] = 4;
        var failure = Assert.Throws<KdException>(() => new BatchCheck("It", info).See(new long[] { 0, 1 }, batch));
        Assert.Contains("the label 4 for sample 1", failure.Message);
    }

    private sealed class Opened(string fault) : IDataset
    {
        public static DataInfo Description(string fault) =>
            new(
                InputKind.Image,
                fault == "no-shape" ? [] : [3, 4, 4],
                TargetKind.ClassIndex,
                fault == "no-classes" ? 0 : 10,
                fault == "names" ? ["a", "b", "c"] : [],
                fault == "mean" ? [125, 125, 125]
                    : fault == "channels" ? [0.5, 0.5]
                    : [],
                fault == "std" ? [0, 1, 1] : [],
                []
            );

        public DataInfo Info => fault == "no-info" ? null! : Description(fault);

        public IReadOnlyCollection<string> Splits => fault == "no-splits" ? [] : ["train", "test"];

        public string Fingerprint => fault == "no-fingerprint" ? " " : "abc";

        public IDataSource Open(string split) =>
            fault == "null-split"
                ? null!
                : new Source(
                    fault == "test-few" ? (split == "test" ? "few" : "") : fault,
                    fault == "no-samples" ? 0 : 16
                );

        public void Dispose() { }
    }

    private sealed class Source(string fault, long count) : IDataSource
    {
        public long Count => count;

        public Batch Read(ReadOnlyMemory<long> indices)
        {
            var numbers = indices.ToArray();
            var n = numbers.Length;
            var rows = fault switch
            {
                "few" => n - 1,
                "many" => n + 1,
                _ => n,
            };
            var input = full([rows, 3, 4, 4], 0.5f);
            var labels = zeros(fault == "few-labels" ? n - 1 : rows, dtype: ScalarType.Int64);
            var seven = Array.IndexOf(numbers, 7L);
            if (seven >= 0)
                switch (fault)
                {
                    case "nan":
                        input[seven, 1] = float.NaN;
                        break;
                    case "infinite":
                        input[seven, 1] = float.NegativeInfinity;
                        break;
                    case "label":
                        labels[seven] = 10;
                        break;
                    case "negative":
                        labels[seven] = -1;
                        break;
                }
            input = fault switch
            {
                "bytes" => full([rows, 3, 4, 4], 200, dtype: ScalarType.Byte),
                "learned" => input * 5 - 4,
                "range" => linspace(0, 255, rows * 48).reshape(rows, 3, 4, 4),
                "double" => input.to(ScalarType.Float64),
                "half" => input.to(ScalarType.Float16),
                "shape" => full([rows, 3, 5, 4], 0.5f),
                "flat" => input.flatten(1),
                _ => input,
            };
            var given = fault switch
            {
                "shifted" => [.. numbers.Select(i => i + 1)],
                "twice" => [numbers[0], .. numbers[..^1]],
                "few-indices" => numbers[..^1],
                "generated" => [.. numbers.Select(_ => -1L)],
                _ => numbers,
            };
            Target target = fault switch
            {
                "one-hot" => new SoftTarget(zeros(rows, 10)),
                "int-labels" => new ClassIndexTarget(labels.to(ScalarType.Int32)),
                "no-target" => null!,
                _ => new ClassIndexTarget(labels),
            };
            return fault switch
            {
                "null" => null!,
                "throws" => throw new InvalidOperationException("disk"),
                _ => new(input, target, fault == "no-indices" ? null! : tensor(given)),
            };
        }
    }
}
