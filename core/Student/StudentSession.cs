using System.Buffers;
using Microsoft.ML.OnnxRuntime;

namespace KdPlugins;

/// <summary>A student's graph in ONNX Runtime: planes of bytes in, logits out. Any number of threads may ask at once.</summary>
internal sealed class StudentSession : IDisposable
{
    private readonly InferenceSession _session;
    private readonly float[] _prepared;
    private readonly Lock _gate = new();
    private int _users = 1;
    private bool _isDisposed;

    /// <exception cref="StudentException">The model cannot be used.</exception>
    internal StudentSession(byte[] model, string name, StudentOptions options)
    {
        _session = Start(model, name, options);
        try
        {
            Metadata = new Dictionary<string, string>(_session.ModelMetadata.CustomMetadataMap);
            Card = StudentCard.Read(Metadata, name);
            RequireGraph(name);
        }
        catch
        {
            _session.Dispose();
            throw;
        }
        _prepared = Card.TakesPixels ? [] : Prepare(Card);
    }

    internal StudentCard Card { get; }

    internal IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The logits of several images.</summary>
    /// <param name="planes">[count, channels, height, width].</param>
    /// <param name="count">At least 1.</param>
    /// <returns>[count, classes].</returns>
    internal float[] Run(ReadOnlySpan<byte> planes, int count)
    {
        Enter();
        try
        {
            return Card.TakesPixels ? RunPixels(planes, count) : RunPlanes(planes, count);
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>Answers that are on their way come to their end.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_isDisposed)
                return;
            _isDisposed = true;
        }
        Leave();
    }

    private static InferenceSession Start(byte[] model, string name, StudentOptions options)
    {
        try
        {
            using var settings = new SessionOptions();
            settings.IntraOpNumThreads = options.Threads;
            // What fails is thrown; nothing is printed from a library.
            settings.LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL;
            settings.AddSessionConfigEntry("session.intra_op.allow_spinning", options.BusyWaiting ? "1" : "0");
            return new InferenceSession(model, settings);
        }
        catch (OnnxRuntimeException e)
        {
            throw new StudentException(
                StudentFault.ModelUnreadable,
                $"{name} is no ONNX model that can be loaded: {e.Message}",
                e
            );
        }
        catch (Exception e) when ((e.InnerException ?? e) is DllNotFoundException or EntryPointNotFoundException)
        {
            throw new StudentException(
                StudentFault.RuntimeMissing,
                $"ONNX Runtime's native library cannot be loaded: {(e.InnerException ?? e).Message} The package Microsoft.ML.OnnxRuntime brings it for each system.",
                e
            );
        }
    }

    private void RequireGraph(string name)
    {
        var isOfKind =
            _session.InputMetadata.TryGetValue(StudentCard.InputName, out var input)
            && _session.InputMetadata.Count == 1
            && input.ElementType == (Card.TakesPixels ? typeof(byte) : typeof(float))
            && _session.OutputMetadata.TryGetValue(StudentCard.OutputName, out var output)
            && output.Dimensions is [_, var classes]
            && classes == Card.ClassNames.Count;
        if (!isOfKind)
            throw new StudentException(
                StudentFault.NotAStudent,
                $"The graph of {name} has not the input '{StudentCard.InputName}' and the output '{StudentCard.OutputName}' that its metadata promise. Export the student again by 'kd export'."
            );
    }

    // (b / 255 - mean) / std of every byte and channel.
    private static float[] Prepare(StudentCard card)
    {
        var values = new float[card.Channels * 256];
        for (var c = 0; c < card.Channels; c++)
        for (var b = 0; b < 256; b++)
            values[c * 256 + b] = (b / 255f - card.Mean[c]) / card.Std[c];
        return values;
    }

    private float[] RunPlanes(ReadOnlySpan<byte> planes, int count)
    {
        var rented = ArrayPool<float>.Shared.Rent(count * Card.Values);
        try
        {
            var area = Card.Height * Card.Width;
            for (var plane = 0; plane < count * Card.Channels; plane++)
            {
                var values = _prepared.AsSpan(plane % Card.Channels * 256, 256);
                var from = planes.Slice(plane * area, area);
                var to = rented.AsSpan(plane * area, area);
                for (var i = 0; i < area; i++)
                    to[i] = values[from[i]];
            }
            return Run(rented.AsMemory(0, count * Card.Values), [count, Card.Channels, Card.Height, Card.Width]);
        }
        finally
        {
            ArrayPool<float>.Shared.Return(rented);
        }
    }

    private float[] RunPixels(ReadOnlySpan<byte> planes, int count)
    {
        var rented = ArrayPool<byte>.Shared.Rent(count * Card.Values);
        try
        {
            var area = Card.Height * Card.Width;
            for (var image = 0; image < count; image++)
            for (var c = 0; c < Card.Channels; c++)
            for (var i = 0; i < area; i++)
                rented[image * Card.Values + i * Card.Channels + c] = planes[image * Card.Values + c * area + i];
            return Run(rented.AsMemory(0, count * Card.Values), [count, Card.Height, Card.Width, Card.Channels]);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private float[] Run<T>(Memory<T> values, long[] shape)
        where T : unmanaged
    {
        using var input = OrtValue.CreateTensorValueFromMemory(OrtMemoryInfo.DefaultInstance, values, shape);
        using var settings = new RunOptions();
        using var results = _session.Run(settings, [StudentCard.InputName], [input], [StudentCard.OutputName]);
        return results[0].GetTensorDataAsSpan<float>().ToArray();
    }

    private void Enter()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, typeof(Student));
            _users++;
        }
    }

    private void Leave()
    {
        lock (_gate)
            if (--_users > 0)
                return;
        _session.Dispose();
    }
}
