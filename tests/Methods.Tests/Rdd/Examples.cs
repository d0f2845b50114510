using KdPlugins.Core;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace KdPlugins.Rdd.Tests;

/// <summary>The sheet's map of 3x4 pixels and two classes.</summary>
internal static class Examples
{
    private static readonly double[] OfStudent = [.95, .60, .20, .85, .75, .90, .65, .30, .99, .55, .80, .72];
    private static readonly double[] OfTeacher = [.98, .90, .65, .40, .95, .62, .97, .25, .99, .85, .92, .71];
    private static readonly long[] Labels = [0, 1, 0, 1, 1, 0, -1, 1, 0, 0, 1, 1];

    public static ClassMapTarget Labelled => new(tensor(Labels).view(1, 3, 4), -1);

    public static Tensor Student => Logits(OfStudent);

    public static Tensor Teacher => Logits(OfTeacher);

    // ln(p / (1 - p)) at the true class, 0 at the other; [1, 2, 3, 4].
    private static Tensor Logits(double[] probabilities)
    {
        var values = new double[24];
        for (var i = 0; i < 12; i++)
            values[Math.Max(0, Labels[i]) * 12 + i] = Math.Log(probabilities[i] / (1 - probabilities[i]));
        return tensor(values).view(1, 2, 3, 4);
    }

    public static Batch Batch(ClassMapTarget target) =>
        new(zeros(target.Count, 3, 4, 4), target, arange(target.Count, ScalarType.Int64));

    public static ModelOutput Heads(Tensor main, Tensor? aux = null) =>
        Stubs.Output(main, null, aux is null ? null : new Dictionary<string, Tensor> { ["aux"] = aux });

    public static double Tfe(ModelOutput student, ModelOutput teacher, ClassMapTarget target, TfeOptions? o = null) =>
        Stubs.Plugin<TfeLoss>(o ?? new()).Compute(new LossContextStub(student, teacher, Batch(target))).item<double>();

    public static double Tse(ModelOutput student, ModelOutput teacher, ClassMapTarget target, TseOptions o) =>
        Stubs.Plugin<TseLoss>(o).Compute(new LossContextStub(student, teacher, Batch(target))).item<double>();

    /// <summary>A map of booleans as rows of digits, such as 0110/0001/0100.</summary>
    public static string InRows(Tensor map) =>
        string.Join(
            '/',
            map.squeeze(0).data<bool>().ToArray().Chunk(4).Select(row => string.Concat(row.Select(b => b ? '1' : '0')))
        );
}
