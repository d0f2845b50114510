using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Meters;

/// <summary>
/// One class per pixel: mean intersection over union of the classes that appear or are said, the share of pixels that are
/// right, and their mean cross-entropy. Ignored pixels do not count; smaller logits are enlarged bilinearly.
/// </summary>
[KdMeter("segmentation", Description = "Mean IoU, pixel accuracy and loss of class maps")]
public sealed class SegmentationMeter : Meter<SegmentationOptions>
{
    /// <inheritdoc/>
    public override IReadOnlyCollection<TargetKind> Targets => [TargetKind.ClassMap];

    /// <inheritdoc/>
    public override bool IsDefault => true;

    /// <inheritdoc/>
    public override IReadOnlyList<MeterValue> Values { get; } =
    [new("miou", MeterValue.Share, true), new("pixel-accuracy", MeterValue.Share, true), new("loss", "nats", false)];

    /// <inheritdoc/>
    public override IMeasurement Begin(MeterBinding binding) => new Measurement(binding, Asker, Options);

    private sealed class Measurement(MeterBinding binding, Asker asker, SegmentationOptions options) : IMeasurement
    {
        private readonly long _classes = binding.Network.Shape.Classes;
        private readonly ConfusionCounts _confusion = new(binding.Network.Shape.Classes, binding.Device);
        private readonly LabelRange _labels = new(asker, binding.Network.Shape.Classes, binding.Device);
        private readonly MapPictures _pictures = new(options.Pictures);
        private readonly Tensor _loss = zeros([], ScalarType.Float64, binding.Device);

        public void Add(ModelOutput output, Batch batch)
        {
            var target = TargetReader.As<ClassMapTarget>(batch.Target, $"{asker}");
            var counted = target.Labels.ne(target.IgnoreIndex);
            var labels = _labels.Take(target.Labels, counted);
            var logits = Enlarged(output.Logits, labels.shape[^2..]);
            Shapes.Require(asker, logits, [labels.shape[0], _classes, .. labels.shape[1..]]);
            var said = logits.argmax(1);
            _confusion.Add(labels, said, counted);
            _pictures.Add(batch.Input, labels.masked_fill(counted.logical_not(), -1), said);
            var loss = nn.functional.cross_entropy(
                logits,
                labels.where(counted, target.Labels),
                ignore_index: target.IgnoreIndex,
                reduction: nn.Reduction.Sum
            );
            _loss.add_(loss.to_type(ScalarType.Float64));
        }

        /// <exception cref="KdException"><c>KDP0375</c>: a label is no class.</exception>
        public MeterReading Read()
        {
            _labels.Require();
            var table = _confusion.Read();
            var pixels = Math.Max(1, table.Total);
            var iou = table.Iou;
            return new(
                new Dictionary<string, double>
                {
                    ["miou"] = ClassTable.Mean(iou),
                    ["pixel-accuracy"] = (double)table.Right / pixels,
                    ["loss"] = _loss.item<double>() / pixels,
                },
                [
                    new BarsDrawing(
                        "iou-by-class",
                        "IoU by class",
                        MeterValue.Share,
                        binding.Names(table.Classes),
                        iou
                    ),
                    table.Draw(),
                    .. _pictures.Draw(),
                ]
            );
        }

        private Tensor Enlarged(Tensor logits, long[] size) =>
            logits.dim() == 4 ? FeatureMath.Enlarge(logits, size[0], size[1], options.AlignCorners) : logits;

        public void Dispose()
        {
            _confusion.Dispose();
            _labels.Dispose();
            _loss.Dispose();
        }
    }
}
