using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Students;

/// <summary>A student that answers: planes of bytes in, logits out.</summary>
internal interface IClassifier : IDisposable
{
    /// <summary>What it takes, and what its answers mean.</summary>
    StudentCard Card { get; }

    /// <summary>The logits [count, classes] of images [count, channels, height, width]. Several threads may ask at once.</summary>
    float[] Answer(byte[] planes, int count);
}

/// <summary>One in libtorch: the network of a weight file, in its frozen form where it has one.</summary>
internal sealed class TorchClassifier : IClassifier
{
    private readonly RecordedNetwork _network;
    private readonly INetwork _answering;
    private readonly Tensor _mean;
    private readonly Tensor _std;
    private readonly Lock _gate = new();

    /// <exception cref="KdException">
    /// <c>KDP0820</c>: its record cannot be used; <c>KDP0823</c>: images are prepared by more than a normalisation.
    /// </exception>
    internal TorchClassifier(RecordedNetwork network)
    {
        _network = network;
        var metadata = new Dictionary<string, string> { [StudentCard.RecordKey] = Screen.Text(network.Record) };
        Card = StudentFaults.Translated(
            () => StudentCard.Read(metadata, $"'{network.Name}'"),
            CommandErrors.NotRecorded
        );
        _answering = network.Network is IFreezableNetwork freezable
            ? freezable.Freeze(ScalarType.Float32)
            : network.Network;
        (_mean, _std) = (Channels(Card.Mean), Channels(Card.Std));
    }

    public StudentCard Card { get; }

    // A plugin's network is asked by one thread at a time, as the engine does.
    public float[] Answer(byte[] planes, int count)
    {
        using var only = _gate.EnterScope();
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        using var bytes = tensor(
            planes.AsMemory(0, count * Card.Values),
            [count, Card.Channels, Card.Height, Card.Width]
        );
        var x = bytes.ToChannelsLast().to(ScalarType.Float32).div_(255).sub_(_mean).div_(_std);
        var logits = _answering.Forward(x, null, []).Logits;
        long[] expected = [count, Card.ClassNames.Count];
        if (!expected.AsSpan().SequenceEqual(logits.shape))
            throw StudentFaults.Damaged(
                CommandErrors.NotRecorded,
                $"The network of '{_network.Name}' answers with {TensorText.Shape(logits.shape)}; a number per class, {TensorText.Shape(expected)}, is needed.",
                "Name a network that classifies images."
            );
        return logits.to(ScalarType.Float32).contiguous().data<float>().ToArray();
    }

    public void Dispose()
    {
        _mean.Dispose();
        _std.Dispose();
        if (!ReferenceEquals(_answering, _network.Network))
            _answering.Module.Dispose();
        _network.Dispose();
    }

    private static Tensor Channels(IReadOnlyList<float> values) => tensor(values.ToArray()).reshape(1, -1, 1, 1);
}

/// <summary>One in ONNX Runtime: a model that was exported.</summary>
/// <param name="session">The model.</param>
internal sealed class OnnxClassifier(StudentSession session) : IClassifier
{
    /// <summary>Loads it.</summary>
    /// <exception cref="KdException"><c>KDP0804</c>, <c>KDP0822</c>, <c>KDP0823</c>, <c>KDP0825</c>.</exception>
    internal static OnnxClassifier Load(string path, int threads)
    {
        return StudentFaults.Translated(
            () =>
            {
                using var file = PlainFile.Open(path);
                var model = new byte[file.Length];
                file.ReadExactly(model);
                return new OnnxClassifier(new(model, $"'{path}'", new() { Threads = threads }));
            },
            CommandErrors.OnnxUnusable
        );
    }

    public StudentCard Card => session.Card;

    public float[] Answer(byte[] planes, int count) => session.Run(planes.AsSpan(0, count * Card.Values), count);

    public void Dispose() => session.Dispose();
}

/// <summary>The failures of the package for applications, by this program's codes.</summary>
internal static class StudentFaults
{
    /// <param name="use">Uses the package.</param>
    /// <param name="otherwise">The code of what is no student.</param>
    internal static T Translated<T>(Func<T> use, ErrorCode otherwise)
    {
        try
        {
            return use();
        }
        catch (StudentException e)
        {
            var code = e.Fault switch
            {
                StudentFault.PreprocessingUnknown => CommandErrors.PreprocessingUnknown,
                StudentFault.RuntimeMissing => CommandErrors.StudentLibraryMissing,
                _ => otherwise,
            };
            throw Damaged(code, e.Message, null, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Damaged(CommandErrors.FileUnreadable, e.Message, null, e);
        }
    }

    /// <summary>A failure that ends with the exit code of damaged files.</summary>
    internal static KdException Damaged(ErrorCode code, string detail, string? remedy = null, Exception? cause = null)
    {
        var error = new KdException(code, detail, remedy, cause);
        ExitCodes.Mark(error, ExitCodes.Damaged);
        return error;
    }
}
