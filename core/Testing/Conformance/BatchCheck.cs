using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

/// <summary>What a data set gives for sample numbers, against what it says it holds.</summary>
internal static class BatchCheck
{
    /// <summary>What is wrong with the samples of these numbers; null for nothing.</summary>
    internal static string? Problem(DataInfo info, IDataSource source, long[] numbers)
    {
        var batch = source.Read(numbers);
        if (batch is null)
            return "Read gives null.";
        if (batch.Count != numbers.Length)
            return $"{numbers.Length} samples were asked for, and Read gives {batch.Count}.";
        if (
            batch.Indices.dtype != ScalarType.Int64
            || !batch.Indices.cpu().data<long>().ToArray().SequenceEqual(numbers)
        )
            return "the batch's Indices are not the numbers that were asked for, in their order.";
        return Inputs(info, batch, numbers) ?? Targets(info, batch, numbers) ?? Class(source, batch, numbers);
    }

    private static string? Inputs(DataInfo info, Batch batch, long[] numbers)
    {
        var input = batch.Input;
        if (input.device_type != TorchSharp.DeviceType.CPU)
            return "its samples lie on another device than the CPU; the engine moves them.";
        var shape = input.shape[1..];
        var fits =
            shape.Length == info.InputShape.Count
            && shape.Zip(info.InputShape).All(p => p.First == p.Second || p.Second == -1);
        if (!fits)
            return $"Info says inputs {TensorText.Shape([.. info.InputShape])}, and Read gives {TensorText.Shape(shape)}.";
        if (info.Kind == InputKind.Tokens)
            return input.dtype == ScalarType.Int64 ? null : $"token ids are {input.dtype}, not Int64.";
        if (input.dtype is not (ScalarType.Byte or ScalarType.Float32))
            return $"its images are {input.dtype}; Byte (0 to 255) or Float32 (0 to 1) is expected.";
        if (input.dtype == ScalarType.Byte)
            return null;
        if (!Tensors.Finite(input))
            return "its images have values that are not finite.";
        var (low, high) = (input.min().item<float>(), input.max().item<float>());
        return low >= 0 && high <= 1
            ? null
            : $"its float images have values from {low:G4} to {high:G4} (sample {Sample(input, numbers)}), not from 0 to 1. Divide by "
                + "255, or give them as Byte; normalising is an augmentation's work.";
    }

    private static long Sample(Tensor input, long[] numbers)
    {
        var worst = input.flatten(1).abs().amax([1]).argmax().item<long>();
        return numbers[worst];
    }

    private static string? Targets(DataInfo info, Batch batch, long[] numbers)
    {
        var target = batch.Target;
        if (target is null || target.Kind != info.Target)
            return $"Info says targets of kind {info.Target}, and Read gives {target?.Kind.ToString() ?? "null"}.";
        if (target.Count != numbers.Length)
            return $"{numbers.Length} samples have {target.Count} targets.";
        return target switch
        {
            ClassIndexTarget t => Classes(t.Labels, info.Classes, numbers, null),
            ClassMapTarget t => Classes(t.Labels.flatten(1), info.Classes, numbers, t.IgnoreIndex),
            SoftTarget t when t.Values.shape[1] != info.Classes =>
                $"its soft targets have {t.Values.shape[1]} classes, and Info says {info.Classes}.",
            SoftTarget t when t.Values.dtype != ScalarType.Float32 || !Tensors.Finite(t.Values) =>
                $"its soft targets are {t.Values.dtype} or not finite; finite Float32 is expected.",
            _ => null,
        };
    }

    private static string? Classes(Tensor labels, long classes, long[] numbers, long? ignored)
    {
        if (labels.dtype != ScalarType.Int64)
            return $"its labels are {labels.dtype}, not Int64.";
        var rows = labels.reshape(numbers.Length, -1);
        for (var i = 0; i < numbers.Length; i++)
            foreach (var label in rows[i].data<long>().ToArray())
                if ((label < 0 || label >= classes) && label != ignored)
                    return $"sample {numbers[i]} has the label {label}; Info says {classes} classes, 0 to {classes - 1}.";
        return null;
    }

    private static string? Class(IDataSource source, Batch batch, long[] numbers)
    {
        if (source is not ILabelledSource labelled || batch.Target is not ClassIndexTarget target)
            return null;
        var labels = target.Labels.data<long>().ToArray();
        var known = new Dictionary<long, long>();
        for (var i = 0; i < numbers.Length; i++)
            if (
                !known.TryAdd(labelled.ClassOf(numbers[i]), labels[i])
                && known[labelled.ClassOf(numbers[i])] != labels[i]
            )
                return $"ClassOf says class {labelled.ClassOf(numbers[i])} for sample {numbers[i]} and for samples of another label.";
        return null;
    }
}
