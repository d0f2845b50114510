using KdPlugins.Core;
using KdPlugins.Sdk;
using static TorchSharp.torch;

namespace MeterPlugin;

/// <summary>Average precision of boxes that overlap a true one of their class by half, mean over the classes.</summary>
[KdMeter("ap50", Description = "Average precision of boxes at IoU 0.5.", Paper = "Everingham et al., Pascal VOC, 2010")]
public sealed class Ap50Meter : Meter<NoOptions>
{
    /// <inheritdoc/>
    public override IReadOnlyCollection<TargetKind> Targets => [TargetKind.Boxes];

    /// <inheritdoc/>
    public override IReadOnlyList<MeterValue> Values { get; } =
    [new("ap50", MeterValue.Share, true), new("boxes", "boxes", true) { IsBasic = false }];

    /// <inheritdoc/>
    public override IMeasurement Begin(MeterBinding binding) => new Measurement(binding);

    private sealed class Measurement(MeterBinding binding) : IMeasurement
    {
        private readonly List<(Tensor Told, Tensor Boxes, Tensor Labels)> _samples = [];

        public void Add(ModelOutput output, Batch batch)
        {
            var target = TargetReader.As<BoxTarget>(batch.Target, "Meter 'ap50'");
            for (var i = 0; i < target.Count; i++)
                _samples.Add((Keep(output.Logits[i]), Keep(target.Boxes[i]), Keep(target.Labels[i])));
        }

        public MeterReading Read()
        {
            var classes = (int)binding.Network.Shape.Classes;
            var curves = Enumerable.Range(0, classes).Select(Curve).ToList();
            var each = curves.Select(Area).ToArray();
            return new(
                new Dictionary<string, double>
                {
                    ["ap50"] = each.Average(),
                    ["boxes"] = _samples.Sum(s => s.Told.shape[0]),
                },
                [
                    new BarsDrawing("ap50-by-class", "AP50 by class", MeterValue.Share, binding.Names(classes), each),
                    new CurveDrawing(
                        "precision-recall",
                        "Precision by recall",
                        "recall",
                        "precision",
                        MeterValue.Share,
                        [
                            .. curves.Select(
                                (c, i) =>
                                    new CurveLine(
                                        binding.Names(classes)[i],
                                        [.. c.Select(p => p.Recall)],
                                        [.. c.Select(p => p.Precision)]
                                    )
                            ),
                        ]
                    ),
                ]
            );
        }

        // Boxes of a class by falling score, each right where it takes a true box that no better one has taken.
        private List<(double Recall, double Precision)> Curve(int c)
        {
            var told = new List<(float Score, int Sample, float[] Box)>();
            var truth = new List<float[]>[_samples.Count];
            for (var s = 0; s < _samples.Count; s++)
            {
                var rows = Rows(_samples[s].Told, 6);
                told.AddRange(rows.Where(r => (int)r[4] == c).Select(r => (r[5], s, r)));
                var labels = _samples[s].Labels.cpu().data<long>().ToArray();
                truth[s] = [.. Rows(_samples[s].Boxes, 4).Where((_, i) => labels[i] == c)];
            }
            var all = truth.Sum(t => t.Count);
            List<(double, double)> points = [];
            var right = 0;
            foreach (var (_, sample, box) in told.OrderByDescending(t => t.Score))
            {
                var taken = truth[sample].FirstOrDefault(t => Iou(t, box) >= 0.5);
                if (taken is not null && truth[sample].Remove(taken))
                    right++;
                points.Add(((double)right / all, (double)right / (points.Count + 1)));
            }
            return points;
        }

        private static double Area(List<(double Recall, double Precision)> points)
        {
            var (area, before) = (0.0, 0.0);
            for (var i = 0; i < points.Count; i++)
            {
                area += (points[i].Recall - before) * points.Skip(i).Max(p => p.Precision);
                before = points[i].Recall;
            }
            return area;
        }

        private static double Iou(float[] a, float[] b)
        {
            var width = Math.Max(0, Math.Min(a[2], b[2]) - Math.Max(a[0], b[0]));
            var height = Math.Max(0, Math.Min(a[3], b[3]) - Math.Max(a[1], b[1]));
            var both = width * height;
            return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both);
        }

        private static float[][] Rows(Tensor values, int width) =>
            [.. values.cpu().data<float>().ToArray().Chunk(width)];

        private static Tensor Keep(Tensor value) => value.clone().DetachFromDisposeScope();

        public void Dispose()
        {
            foreach (var (told, boxes, labels) in _samples)
            {
                told.Dispose();
                boxes.Dispose();
                labels.Dispose();
            }
        }
    }
}
