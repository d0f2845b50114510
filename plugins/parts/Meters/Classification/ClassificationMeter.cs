using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Meters;

/// <summary>
/// One class per sample: accuracy, mean cross-entropy and top-5 accuracy; balanced accuracy (mean recall of the classes that
/// appear), macro F1 (mean over the classes that appear or are said) and the expected calibration error.
/// </summary>
[KdMeter(
    "classification",
    Description = "Accuracy, top 5, loss, balanced accuracy, macro F1 and calibration error of classes",
    Paper = "Calibration error: Guo et al., On Calibration of Modern Neural Networks, 2017, equation 3"
)]
public sealed class ClassificationMeter : Meter<ClassificationOptions>
{
    private const int Top = 5;

    /// <inheritdoc/>
    public override IReadOnlyCollection<TargetKind> Targets => [TargetKind.ClassIndex];

    /// <inheritdoc/>
    public override bool IsDefault => true;

    /// <inheritdoc/>
    public override IReadOnlyList<MeterValue> Values { get; } =
    [
        new("accuracy", MeterValue.Share, true),
        new("loss", "nats", false),
        new("top5", MeterValue.Share, true),
        new("balanced-accuracy", MeterValue.Share, true) { IsBasic = false },
        new("macro-f1", MeterValue.Share, true) { IsBasic = false },
        new("calibration-error", MeterValue.Share, false) { IsBasic = false },
    ];

    /// <inheritdoc/>
    public override IMeasurement Begin(MeterBinding binding) => new Measurement(binding, Options.Bins, Asker);

    private sealed class Measurement(MeterBinding binding, int bins, Asker asker) : IMeasurement
    {
        private readonly long _classes = binding.Network.Shape.Classes;
        private readonly ConfusionCounts _confusion = new(binding.Network.Shape.Classes, binding.Device);
        private readonly LabelRange _labels = new(asker, binding.Network.Shape.Classes, binding.Device);
        private readonly Calibration _calibration = new(bins, binding.Device);
        private readonly Tensor _loss = zeros([], ScalarType.Float64, binding.Device);
        private readonly Tensor _top = zeros([], ScalarType.Int64, binding.Device);
        private long _samples;

        public void Add(ModelOutput output, Batch batch)
        {
            var logits = output.Logits;
            var labels = _labels.Take(TargetReader.As<ClassIndexTarget>(batch.Target, $"{asker}").Labels);
            Shapes.Require(asker, logits, [labels.shape[0], _classes]);
            _samples += labels.shape[0];
            var said = logits.argmax(1);
            _confusion.Add(labels, said);
            _calibration.Add(logits.softmax(1).amax([1]), said.eq(labels));
            var loss = nn.functional.cross_entropy(logits, labels, reduction: nn.Reduction.Sum);
            _loss.add_(loss.to_type(ScalarType.Float64));
            if (_classes > Top)
                _top.add_(logits.topk(Top, 1).indexes.eq(labels.unsqueeze(1)).sum());
        }

        /// <exception cref="KdException"><c>KDP0310</c>: there was no sample; <c>KDP0375</c>: a label is no class.</exception>
        public MeterReading Read()
        {
            if (_samples == 0)
                throw asker.Refusal(CoreErrors.NoSamples, "was given no samples.");
            _labels.Require();
            var table = _confusion.Read();
            var calibration = _calibration.Read();
            var recall = table.Recall;
            var values = new Dictionary<string, double>
            {
                ["accuracy"] = (double)table.Right / _samples,
                ["loss"] = _loss.item<double>() / _samples,
                ["balanced-accuracy"] = ClassTable.Mean(recall),
                ["macro-f1"] = ClassTable.Mean(table.F1),
                ["calibration-error"] = calibration.Error,
            };
            if (_classes > Top)
                values["top5"] = (double)_top.item<long>() / _samples;
            return new(
                values,
                [
                    new BarsDrawing(
                        "accuracy-by-class",
                        "Accuracy by class",
                        MeterValue.Share,
                        binding.Names(table.Classes),
                        recall
                    ),
                    calibration.Draw(),
                    table.Draw(),
                ]
            );
        }

        public void Dispose()
        {
            _confusion.Dispose();
            _labels.Dispose();
            _calibration.Dispose();
            _loss.Dispose();
            _top.Dispose();
        }
    }
}
