using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.OnnxModels;

/// <summary>The network of an ONNX file. Its further outputs are its taps.</summary>
internal sealed class OnnxNetwork : INetwork
{
    private readonly OnnxModel _model;
    private readonly OnnxTeacherOptions _options;
    private readonly string _logits;
    private readonly Holder _module;
    private readonly bool _channelsLast;

    /// <param name="model">Belongs to the network from now on, unless this throws.</param>
    /// <param name="options">Which output is what.</param>
    /// <param name="input">Of the run's samples, without the batch.</param>
    /// <param name="classes">Of the run.</param>
    internal OnnxNetwork(OnnxModel model, OnnxTeacherOptions options, long[] input, long classes)
    {
        (_model, _options) = (model, options);
        _channelsLast = TakesChannelsLast(input);
        _logits = options.Logits.Length > 0 ? Output(options.Logits) : MainOutput();
        if (options.Embedding.Length > 0)
            Output(options.Embedding);
        Shape = Tried(input, classes);
        _module = new(model);
    }

    /// <inheritdoc/>
    public nn.Module Module => _module;

    /// <inheritdoc/>
    public NetworkShape Shape { get; }

    /// <inheritdoc/>
    public ModelOutput Forward(Tensor input, Tensor? mask, IReadOnlyCollection<string> taps)
    {
        if (is_grad_enabled() && input.requires_grad)
            throw _model.Asker.WrongCombination(
                "passes no gradients to its input, and the strategy asks for them.",
                "Give the teacher as weights of a model that ships, or choose another strategy."
            );
        _module.RequireSame();
        using var scope = NewDisposeScope();
        var answers = Answers(input, taps);
        Tensor? Placed(string name) =>
            name.Length == 0 ? null : answers[name].to(input.device).MoveToOuterDisposeScope();
        return new(
            Placed(_logits)!,
            Placed(_options.Embedding),
            taps.ToDictionary(name => name, name => Placed(name)!)
        );
    }

    private Dictionary<string, Tensor> Answers(Tensor input, IReadOnlyCollection<string> taps)
    {
        string[] asked = _options.Embedding.Length > 0 ? [_logits, _options.Embedding] : [_logits];
        var cpu = input.detach().cpu().to(ScalarType.Float32);
        var given = (_channelsLast ? cpu.permute(0, 2, 3, 1) : cpu).contiguous();
        var answers = _model.Run(given, [.. asked.Concat(taps.Select(t => Shape.Tap(t).Name)).Distinct()]);
        if (_options.Answer == OnnxAnswer.Probabilities)
            answers[_logits] = answers[_logits].clamp_min(float.Epsilon).log();
        return answers;
    }

    // The first run says what the metadata may leave open.
    private NetworkShape Tried(long[] input, long classes)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        long[] shape = _channelsLast ? [input[1], input[2], input[0]] : input;
        var answers = _model.Run(zeros([2, .. shape]), _model.Outputs);
        var logits = answers[_logits].shape;
        if (logits.Length < 2 || logits[0] != 2)
            throw _model.Refusal(
                $"gives {TensorText.Shape(logits)} as '{_logits}' to two samples; [2, classes] is needed"
            );
        if (logits[1] != classes)
            throw _model.Asker.WrongShape(
                $"gives {logits[1]} classes as '{_logits}', the run has {classes}.",
                "Name the output that is the main head by \"logits\", or take the data that the network was trained on."
            );
        if (_options.Answer == OnnxAnswer.Logits && AreProbabilities(answers[_logits]))
            throw _model.Asker.WrongCombination(
                $"finds probabilities in '{_logits}': they are not below 0, and those of a sample come to 1.",
                "Set \"answer\": \"probabilities\", or name the output before the softmax by \"logits\"."
            );
        var embedding = _options.Embedding.Length > 0 ? answers[_options.Embedding].shape : [2, 0];
        if (embedding.Length != 2)
            throw _model.Refusal(
                $"gives {TensorText.Shape(embedding)} as '{_options.Embedding}'; [2, length] is needed"
            );
        var taps = answers
            .Where(o => o.Key != _logits && o.Value.dim() > 1 && o.Value.shape[0] == 2)
            .Select(o => new Tap(o.Key, o.Value.shape[1..], isPreActivation: HasNegatives(o.Value)));
        return new(input, classes, embedding[1], [.. taps]);
    }

    private static bool HasNegatives(Tensor values)
    {
        using var least = values.min();
        return least.item<float>() < 0;
    }

    private static bool AreProbabilities(Tensor values) =>
        values.min().item<float>() >= 0 && (values.sum(1) - 1).abs().max().item<float>() < 1e-4f;

    private bool TakesChannelsLast(long[] input)
    {
        var given = _model.InputDimensions.Skip(1).Select(d => (long)d).ToArray();
        if (Fits(input, given))
            return false;
        if (input.Length == 3 && Fits([input[1], input[2], input[0]], given))
            return true;
        throw _model.Asker.WrongShape(
            $"takes [{OnnxModel.Text(_model.InputDimensions)}], the data have the shape {TensorText.Shape(input)}.",
            "Bring the data to the size that the network was exported for, or export it for this one."
        );
    }

    private static bool Fits(long[] shape, long[] given) =>
        shape.Length == given.Length && shape.Zip(given).All(d => d.Second < 0 || d.First == d.Second);

    private string Output(string name) =>
        _model.Outputs.Contains(name)
            ? name
            : throw _model.Refusal($"has no output '{name}' of float32; it has {string.Join(", ", _model.Outputs)}");

    private string MainOutput() => _model.Outputs.Contains("logits") ? "logits" : _model.Outputs[0];

    // What a checkpoint keeps of a file, and what makes stored answers of two files differ, is its hash.
    private sealed class Holder : nn.Module
    {
        private readonly OnnxModel _model;

        internal Holder(OnnxModel model)
            : base("onnx-teacher")
        {
            _model = model;
            register_buffer("file_sha256", tensor(model.Sha256));
        }

        internal void RequireSame()
        {
            using var cpu = get_buffer("file_sha256")!.cpu();
            if (!cpu.data<byte>().SequenceEqual(_model.Sha256))
                throw _model.Refusal("is another file than the one that the run began with");
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _model.Dispose();
            base.Dispose(disposing);
        }
    }
}
