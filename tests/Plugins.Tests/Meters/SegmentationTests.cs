using FsCheck;
using FsCheck.Xunit;
using KdPlugins.Core;
using KdPlugins.Meters;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static KdPlugins.Plugins.Tests.Meters.MeterUnderTest;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Meters;

/// <summary>The meter of class maps against its definitions, written out in plain loops.</summary>
public sealed class SegmentationTests
{
    private const int Ignored = 255;

    private static MeterReading Segment(long classes, params Answers[] batches) =>
        Read(new SegmentationMeter(), new SegmentationOptions(), classes, batches);

    [Property(MaxTest = 40)]
    public void It_agrees_with_plain_loops_however_it_is_cut(int seed)
    {
        var random = new Random(seed);
        var (classes, samples, side) = (random.Next(1, 6), random.Next(1, 6), random.Next(1, 5));
        var pixels = samples * side * side;
        var labels = Enumerable
            .Range(0, pixels)
            .Select(_ => random.Next(4) == 0 ? Ignored : (long)random.Next(classes))
            .ToArray();
        var logits = rand([samples, classes, side, side]);
        var whole = new Answers(logits, new ClassMapTarget(tensor(labels, [samples, side, side]), Ignored));
        var found = Segment(classes, whole);
        foreach (var (name, value) in Plain(logits, labels, classes))
            Assert.Equal(value, found.Values[name], 1e-5);
        var pieces = Enumerable.Range(0, samples).Reverse().Select(i => whole.Rows(i)).ToArray();
        var many = Segment(classes, pieces);
        Assert.Equal(found.Values["miou"], many.Values["miou"]);
        Assert.Equal(found.Values["pixel-accuracy"], many.Values["pixel-accuracy"]);
        Assert.Equal(found.Values["loss"], many.Values["loss"], 1e-5);
        Assert.Equal(found.Drawn<MatrixDrawing>().Counts, many.Drawn<MatrixDrawing>().Counts);
    }

    [Fact]
    public void Two_classes_are_the_mean_of_their_two_overlaps()
    {
        // Said 0 0 1 1, true 0 1 1 ignored: class 0 1/2, class 1 1/2; two of three pixels right.
        var logits = tensor(new float[] { 1, 1, 0, 0, 0, 0, 1, 1 }, [1, 2, 2, 2]);
        var target = new ClassMapTarget(tensor(new long[] { 0, 1, 1, Ignored }, [1, 2, 2]), Ignored);
        var found = Segment(2, new Answers(logits, target));
        Assert.Equal(0.5, found.Values["miou"], 15);
        Assert.Equal(2 / 3.0, found.Values["pixel-accuracy"], 15);
        Assert.Equal([0.5, 0.5], found.Drawn<BarsDrawing>().Values);
    }

    [Fact]
    public void Smaller_answers_are_enlarged_to_the_map()
    {
        var logits = tensor(new float[] { 1, 0 }, [1, 2, 1, 1]);
        var target = new ClassMapTarget(tensor(new long[] { 0, 0, 0, 1 }, [1, 2, 2]), Ignored);
        Assert.Equal(0.75, Segment(2, new Answers(logits, target)).Values["pixel-accuracy"], 15);
    }

    [Fact]
    public void A_class_that_is_nowhere_has_no_bar_and_no_part_in_the_mean()
    {
        var logits = tensor(new float[] { 1, 0, 0 }, [1, 3, 1, 1]);
        var found = Segment(3, new Answers(logits, new ClassMapTarget(zeros([1, 1, 1], ScalarType.Int64), Ignored)));
        Assert.Equal(1, found.Values["miou"]);
        Assert.Equal([1, double.NaN, double.NaN], found.Drawn<BarsDrawing>().Values);
    }

    [Fact]
    public void Where_every_pixel_is_ignored_the_values_are_zero()
    {
        var target = new ClassMapTarget(full([1, 2, 2], Ignored, ScalarType.Int64), Ignored);
        var found = Segment(2, new Answers(rand([1, 2, 2, 2]), target));
        Assert.All(found.Values.Values, v => Assert.Equal(0, v));
    }

    [Fact]
    public void A_pixel_that_is_no_class_is_named()
    {
        var target = new ClassMapTarget(tensor(new long[] { 0, 1, 7, Ignored }, [1, 2, 2]), Ignored);
        var failure = Assert.Throws<KdException>(() => Segment(2, new Answers(rand([1, 2, 2, 2]), target)));
        Assert.Same(CoreErrors.NoClass, failure.Code);
        Assert.Contains("the label 7;", failure.Message);
    }

    private static Dictionary<string, double> Plain(Tensor logits, long[] labels, int classes)
    {
        var (samples, side) = ((int)logits.shape[0], (int)logits.shape[2]);
        var said = new int[labels.Length];
        var (loss, right, all) = (0.0, 0, 0);
        for (var i = 0; i < labels.Length; i++)
        {
            var (s, y, x) = (i / (side * side), i / side % side, i % side);
            var row = Enumerable.Range(0, classes).Select(c => logits[s, c, y, x].item<float>()).ToArray();
            said[i] = Array.IndexOf(row, row.Max());
            if (labels[i] == Ignored)
                continue;
            loss -= Math.Log(Math.Exp(row[labels[i]]) / row.Sum(v => Math.Exp(v)));
            right += said[i] == labels[i] ? 1 : 0;
            all++;
        }
        List<double> ious = [];
        for (var c = 0; c < classes; c++)
        {
            var (both, either) = (0, 0);
            for (var i = 0; i < labels.Length; i++)
                if (labels[i] != Ignored)
                {
                    both += labels[i] == c && said[i] == c ? 1 : 0;
                    either += labels[i] == c || said[i] == c ? 1 : 0;
                }
            if (either > 0)
                ious.Add((double)both / either);
        }
        return new()
        {
            ["miou"] = ious.DefaultIfEmpty(0).Average(),
            ["pixel-accuracy"] = (double)right / Math.Max(1, all),
            ["loss"] = loss / Math.Max(1, all),
        };
    }

    // Two pixels of two classes, one that does not count and one that is taken for the other class.
    [Fact]
    public void Pictures_show_image_labels_and_answer_of_the_first_samples()
    {
        using var scope = NewDisposeScope();
        IMeter meter = new SegmentationMeter();
        meter.Configure(new SegmentationOptions { Pictures = 2 });
        var data = Testing.Stubs.Data([3, 1, 4], 2, TargetKind.ClassMap);
        using var measurement = meter.Begin(new(Testing.Stubs.Network([3, 1, 4], 2), data, CPU));
        var input = tensor((float[])[-1, 1, 1, 1]).view(1, 1, 1, 4).expand(3, 3, 1, 4);
        var target = new ClassMapTarget(tensor((long[])[0, 1, Ignored, 0]).view(1, 1, 4).expand(3, 1, 4), Ignored);
        var second = tensor((float[])[0, 2, 2, 2]).view(1, 1, 1, 4);
        var logits = cat([ones_like(second), second], 1).expand(3, 2, 1, 4);
        measurement.Add(Testing.Stubs.Output(logits), new Batch(input, target, arange(3, ScalarType.Int64)));
        var pictures = measurement.Read().Drawn<PicturesDrawing>();
        Assert.Equal((4, 1), (pictures.Width, pictures.Height));
        Assert.Equal(["image", "labels", "answer"], pictures.Columns);
        Assert.Equal(2, pictures.Rows.Count);
        var (black, white, red) = (new byte[] { 0, 0, 0 }, new byte[] { 127, 127, 127 }, new byte[] { 191, 127, 127 });
        Assert.Equal([0, 0, 0, .. Enumerable.Repeat((byte)255, 9)], pictures.Rows[0][0]);
        Assert.Equal([.. black, .. red, .. black, .. white], pictures.Rows[0][1]);
        Assert.Equal([.. black, .. red, .. red, .. red], pictures.Rows[0][2]);
    }
}
