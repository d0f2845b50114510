using FsCheck;
using FsCheck.Xunit;
using KdPlugins.Core;
using KdPlugins.Meters;
using KdPlugins.Torch;
using static KdPlugins.Plugins.Tests.Meters.MeterUnderTest;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Meters;

/// <summary>The meter of classes against its definitions, written out in plain loops.</summary>
public sealed class ClassificationTests
{
    // Six samples of four classes; class 3 has no sample, and class 1 is said of a sample of class 2.
    private static readonly float[] Logits = [4, 1, 0, 0, 1, 2, 0, 0, 0, 3, 1, 0, 0, 2, 1, 0, 0, 0, 5, 0, 0, 1, 0, 2];

    private static readonly long[] Labels = [0, 0, 1, 2, 2, 1];

    [Fact]
    public void It_gives_what_sklearn_gives()
    {
        // sklearn 1.x on y_true = [0,0,1,2,2,1], y_pred = [0,1,1,1,2,3]: accuracy_score 3/6; balanced_accuracy_score
        // (1/2 + 1/2 + 1/2) / 3; f1_score(average="macro") (2/3 + 2/5 + 2/3 + 0) / 4, class 3 being said and never true.
        var found = Classify(4, Classes(Logits, Labels, 4));
        Assert.Equal(0.5, found.Values["accuracy"], 15);
        Assert.Equal(0.5, found.Values["balanced-accuracy"], 15);
        Assert.Equal((2 / 3.0 + 2 / 5.0 + 2 / 3.0) / 4, found.Values["macro-f1"], 15);
        Assert.False(found.Values.ContainsKey("top5"));
        Assert.Equal([0.5, 0.5, 0.5, double.NaN], found.Drawn<BarsDrawing>().Values);
        Assert.Equal(["0", "1", "2", "3"], found.Drawn<BarsDrawing>().Labels);
        long[][] confusion =
        [
            [1, 1, 0, 0],
            [0, 1, 0, 1],
            [0, 1, 1, 0],
            [0, 0, 0, 0],
        ];
        Assert.Equal(confusion, found.Drawn<MatrixDrawing>().Counts);
    }

    [Fact]
    public void The_calibration_error_is_that_of_ten_answers_worked_out_by_hand()
    {
        // Two classes, two ranges: eight sure of 0.9, six of them right, and two of 0.6 (also above a half), both right: all in the
        // second range, |8 - (8 x 0.9 + 2 x 0.6)| / 10. With ten ranges they part: |6 - 7.2| / 10 + |2 - 1.2| / 10.
        static float[] Sure(double p) => [(float)Math.Log(p / (1 - p)), 0];
        var logits = Enumerable
            .Repeat(Sure(0.9), 8)
            .Concat(Enumerable.Repeat(Sure(0.6), 2))
            .SelectMany(l => l)
            .ToArray();
        long[] labels = [0, 0, 0, 0, 0, 0, 1, 1, 0, 0];
        double Error(int bins) =>
            Read(
                new ClassificationMeter(),
                new ClassificationOptions { Bins = bins },
                2,
                Classes(logits, labels, 2)
            ).Values["calibration-error"];
        Assert.Equal(0.04, Error(2), 6);
        Assert.Equal(0.20, Error(20), 6);
    }

    [Property(MaxTest = 40)]
    public void It_agrees_with_plain_loops(int seed)
    {
        var (logits, labels, classes) = Drawn(seed);
        var found = Classify(classes, Classes(logits, labels, classes));
        foreach (var (name, value) in Plain(logits, labels, classes))
            Assert.Equal(value, found.Values[name], 1e-5);
        Assert.Equal(classes > 5, found.Values.ContainsKey("top5"));
    }

    [Property(MaxTest = 40)]
    public void No_order_and_no_cut_into_batches_changes_it(int seed)
    {
        var (logits, labels, classes) = Drawn(seed);
        var whole = Classes(logits, labels, classes);
        var random = new Random(seed);
        var order = Enumerable.Range(0, labels.Length).Select(i => (long)i).ToArray();
        random.Shuffle(order);
        var cut = random.Next(1, labels.Length + 1);
        var pieces = order.Chunk(cut).Select(rows => whole.Rows(rows)).ToArray();
        var (one, many) = (Classify(classes, whole), Classify(classes, pieces));
        foreach (var (name, value) in one.Values.Where(v => v.Key != "loss"))
            Assert.Equal(value, many.Values[name]);
        // The sum over a batch is in float32.
        Assert.Equal(one.Values["loss"], many.Values["loss"], 1e-5);
        Assert.Equal(one.Drawn<MatrixDrawing>().Counts, many.Drawn<MatrixDrawing>().Counts);
        Assert.Equal(one.Drawn<CurveDrawing>().Lines[0].X, many.Drawn<CurveDrawing>().Lines[0].X);
    }

    [Fact]
    public void One_class_is_always_right()
    {
        var found = Classify(1, Classes([3, -2], [0, 0], 1));
        Assert.Equal(1, found.Values["accuracy"]);
        Assert.Equal(1, found.Values["balanced-accuracy"]);
        Assert.Equal(1, found.Values["macro-f1"]);
        Assert.Equal(0, found.Values["calibration-error"]);
        Assert.Equal(0, found.Values["loss"]);
    }

    [Fact]
    public void Without_a_sample_there_is_nothing_to_say()
    {
        Assert.Same(CoreErrors.NoSamples, Assert.Throws<KdException>(() => Classify(3)).Code);
        var none = Classes(Logits, Labels, 4).Rows();
        Assert.Same(CoreErrors.NoSamples, Assert.Throws<KdException>(() => Classify(4, none)).Code);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(-1)]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    public void A_label_that_is_no_class_is_named(long label)
    {
        long[] labels = [0, 0, 1, label, 2, 1];
        var failure = Assert.Throws<KdException>(() => Classify(4, Classes(Logits, labels, 4)));
        Assert.Same(CoreErrors.NoClass, failure.Code);
        Assert.Contains($"the label {label};", failure.Message);
    }

    [Fact]
    public void Answers_of_another_number_of_classes_are_refused()
    {
        var failure = Assert.Throws<KdException>(() => Classify(3, Classes(Logits, Labels, 4)));
        Assert.Same(CoreErrors.ShapesDiffer, failure.Code);
        Assert.Contains("logits [6, 4]", failure.Message);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Answers_that_are_not_finite_show_in_the_loss_and_break_nothing(float answer)
    {
        float[] logits = [answer, .. Logits.Skip(1)];
        var found = Classify(4, Classes(logits, Labels, 4));
        Assert.False(double.IsFinite(found.Values["loss"]));
        Assert.InRange(found.Values["accuracy"], 0, 1);
    }

    private static (float[] Logits, long[] Labels, int Classes) Drawn(int seed)
    {
        var random = new Random(seed);
        var (classes, samples) = (random.Next(1, 9), random.Next(1, 40));
        var logits = Enumerable.Range(0, classes * samples).Select(_ => (float)(6 * random.NextDouble() - 3)).ToArray();
        // Mostly of a few classes, so that some do not appear.
        var labels = Enumerable.Range(0, samples).Select(_ => (long)random.Next(random.Next(1, classes + 1))).ToArray();
        return (logits, labels, classes);
    }

    private static Dictionary<string, double> Plain(float[] logits, long[] labels, int classes)
    {
        var n = labels.Length;
        var said = new int[n];
        var (loss, right, top) = (0.0, 0, 0);
        var bins = new (int Count, double Right, double Sure)[15];
        for (var i = 0; i < n; i++)
        {
            var row = logits.AsSpan(i * classes, classes).ToArray();
            var sum = row.Sum(x => Math.Exp(x));
            said[i] = Array.IndexOf(row, row.Max());
            loss -= Math.Log(Math.Exp(row[labels[i]]) / sum);
            right += said[i] == labels[i] ? 1 : 0;
            top += row.Count(x => x > row[labels[i]]) < 5 ? 1 : 0;
            var sure = Math.Exp(row.Max()) / sum;
            for (var b = 0; b < 15; b++)
                if (sure > b / 15.0 && sure <= (b + 1) / 15.0)
                    bins[b] = (bins[b].Count + 1, bins[b].Right + (said[i] == labels[i] ? 1 : 0), bins[b].Sure + sure);
        }
        List<double> recalls = [],
            f1 = [];
        for (var c = 0; c < classes; c++)
        {
            var (hits, truth, told) = (0, 0, 0);
            for (var i = 0; i < n; i++)
            {
                truth += labels[i] == c ? 1 : 0;
                told += said[i] == c ? 1 : 0;
                hits += labels[i] == c && said[i] == c ? 1 : 0;
            }
            if (truth > 0)
                recalls.Add((double)hits / truth);
            if (truth + told > 0)
                f1.Add(2.0 * hits / (truth + told));
        }
        var values = new Dictionary<string, double>
        {
            ["accuracy"] = (double)right / n,
            ["loss"] = loss / n,
            ["balanced-accuracy"] = recalls.Average(),
            ["macro-f1"] = f1.Average(),
            ["calibration-error"] = bins.Where(b => b.Count > 0)
                .Sum(b => b.Count * Math.Abs(b.Right / b.Count - b.Sure / b.Count) / n),
        };
        if (classes > 5)
            values["top5"] = (double)top / n;
        return values;
    }
}
