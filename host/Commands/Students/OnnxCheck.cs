using KdPlugins.Torch;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Students;

/// <summary>
/// Holds a model's answers in ONNX Runtime against those of the network it was made from: on random images, one and several at
/// once. The network computes in double precision, so that no kernel of the processor decides.
/// </summary>
internal static class OnnxCheck
{
    /// <summary>What answers may differ by, of the largest of them or of 1.</summary>
    internal const double Tolerance = 1e-4;

    // Of what answers differ by from image to image: small answers are compared more closely.
    private const double ShareOfSpread = 0.01;

    // Of the largest answer: float32 may be off by so much in any case.
    private const double Rounding = 1e-6;

    // Images whose numbers are more than this are few: double precision is slow.
    private const long MuchWork = 64 * 64 * 3;

    /// <summary>Looks at it. The network computes in double precision afterwards.</summary>
    /// <param name="model">The model.</param>
    /// <param name="network">The network that it was made from.</param>
    /// <param name="withPreprocessing">Whether it takes bytes.</param>
    /// <param name="warn">Told where the comparison says little.</param>
    /// <returns>The largest difference, relative as the tolerance is.</returns>
    /// <exception cref="KdException"><c>KDP0821</c>: the answers differ, or ONNX Runtime refuses the model.</exception>
    internal static double Require(byte[] model, RecordedNetwork network, bool withPreprocessing, Action<string> warn)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        network.Network.Module.to(ScalarType.Float64);
        using var session = Start(model);
        var most = 0.0;
        foreach (var count in network.Input.Aggregate(1L, (a, b) => a * b) > MuchWork ? (int[])[1, 2] : [1, 7])
        {
            var images = Images(network, count);
            var expected = network.Network.Forward(Normalised(network, images), null, []).Logits;
            var answers = Answers(session, network, images, withPreprocessing, expected.shape);
            var largest = expected.abs().max().item<double>();
            var off = (answers - expected).abs().max().item<double>();
            var spread = Spread(expected);
            var allowed = Math.Max(
                Math.Min(Tolerance * Math.Max(1, largest), ShareOfSpread * spread),
                Rounding * largest
            );
            // What is not a number is no answer either.
            if (!(off <= allowed))
                throw new KdException(
                    CommandErrors.ExportDiffers,
                    $"Of {count} random images the ONNX model of '{network.Name}' answers otherwise than the network itself: off by {off:0.##e+0}, {allowed:0.##e+0} is allowed. Nothing was written."
                );
            if (ShareOfSpread * spread < Rounding * largest)
                warn(
                    $"The network of '{network.Name}' answers nearly the same to all random images: that ONNX Runtime does so too says little."
                );
            most = Math.Max(most, off / Math.Max(1, largest));
        }
        return most;
    }

    // What answers differ by from image to image; of a single one, how large they are.
    private static double Spread(Tensor answers) =>
        answers.shape[0] == 1
            ? answers.abs().max().item<double>()
            : (answers.amax([0]) - answers.amin([0])).max().item<double>();

    private static InferenceSession Start(byte[] model)
    {
        try
        {
            using var settings = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL };
            return new(model, settings);
        }
        catch (OnnxRuntimeException e)
        {
            throw Refused(e);
        }
    }

    private static KdException Refused(OnnxRuntimeException e) =>
        new(CommandErrors.ExportDiffers, $"ONNX Runtime refuses the model: {e.Message} Nothing was written.", inner: e);

    // [count, channels, height, width] from 0 to 255, every value a whole number.
    private static Tensor Images(RecordedNetwork network, int count)
    {
        var random = new Random(count);
        var bytes = new byte[count * network.Input.Aggregate(1L, (a, b) => a * b)];
        random.NextBytes(bytes);
        return tensor(bytes).reshape([count, .. network.Input]);
    }

    // Where nothing is known of how images are prepared, values around 0 stand for them.
    private static Tensor Normalised(RecordedNetwork network, Tensor images)
    {
        var x = images.to(ScalarType.Float64) / 255;
        var (mean, std) = network.Normalisation ?? ([0.5f], [0.25f]);
        Tensor Channels(float[] values) => tensor(values).to(ScalarType.Float64).reshape(1, -1, 1, 1);
        return (x - Channels(mean)) / Channels(std);
    }

    private static Tensor Answers(
        InferenceSession session,
        RecordedNetwork network,
        Tensor images,
        bool withPreprocessing,
        long[] expected
    )
    {
        using var input = withPreprocessing
            ? Value<byte>(images.permute(0, 2, 3, 1))
            : Value<float>(Normalised(network, images).to(ScalarType.Float32));
        try
        {
            using var results = session.Run(
                new RunOptions(),
                [StudentCard.InputName],
                [input],
                [StudentCard.OutputName]
            );
            var answers = results[0].GetTensorDataAsSpan<float>().ToArray();
            var shape = results[0].GetTensorTypeAndShape().Shape;
            if (!shape.AsSpan().SequenceEqual(expected))
                throw new KdException(
                    CommandErrors.ExportDiffers,
                    $"The ONNX model answers with {TensorText.Shape(shape)}, the network with {TensorText.Shape(expected)}. Nothing was written."
                );
            return tensor(answers).to(ScalarType.Float64).reshape(shape);
        }
        catch (OnnxRuntimeException e)
        {
            throw Refused(e);
        }
    }

    private static OrtValue Value<T>(Tensor values)
        where T : unmanaged =>
        OrtValue.CreateTensorValueFromMemory(values.contiguous().data<T>().ToArray(), values.shape);
}
