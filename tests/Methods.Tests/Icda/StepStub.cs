using KdPlugins.Core;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace KdPlugins.Icda.Tests;

/// <summary>
/// A step that writes down who was compared with whom. A view is named by its role; the student answers a view with its
/// name, the teacher too, in logits (by a code) and in features.
/// </summary>
internal sealed class StepStub : StepContextStub
{
    /// <summary>"student's view | view of the teacher's logits | view of the teacher's features | view of the batch".</summary>
    public List<string> Compared { get; } = [];

    /// <summary>What a role's augmentations make of a batch; the batch itself where there are none.</summary>
    public Dictionary<string, Func<Batch, Batch>> Views { get; init; } =
        new() { ["student"] = b => Named(b, "s"), ["teacher"] = b => Named(b, "t") };

    /// <summary>The objective's value by comparison.</summary>
    public Dictionary<string, double> ValueOf { get; } = [];

    internal static Batch Named(Batch batch, string name) =>
        batch.WithInput(batch.Input.clone()).WithParameter($"view.{name}", zeros(1));

    private static string NameOf(Batch batch) =>
        string.Concat(
            batch.Parameters.Keys.Where(k => k.StartsWith("view.", StringComparison.Ordinal)).Select(k => k[5..])
        );

    public override Batch Next(string source) => new(zeros(2, 1), new NoTarget(2), arange(2, ScalarType.Int64));

    public override Batch View(string role, Batch batch) => Views.TryGetValue(role, out var view) ? view(batch) : batch;

    public override ModelOutput Forward(string role, Batch batch, IReadOnlyCollection<string>? taps) =>
        new(
            full([2, 2], NameOf(batch) == "s" ? 1f : 2f),
            null,
            new Dictionary<string, Tensor> { [NameOf(batch)] = zeros(1) }
        );

    public override Tensor Objective(ModelOutput student, ModelOutput? teacher, Batch batch)
    {
        var logits = teacher!.Logits[0, 0].item<float>() == 1 ? "s" : "t";
        var compared = $"{student.Features.Keys.Single()}|{logits}|{teacher.Features.Keys.Single()}|{NameOf(batch)}";
        Compared.Add(compared);
        return tensor(ValueOf.GetValueOrDefault(compared, 1));
    }

    public override Tensor Update(IReadOnlyList<Trainable> trainables, Func<Tensor> objective)
    {
        Updated = objective().item<double>();
        return zeros(1);
    }

    /// <summary>The value of the last objective.</summary>
    public double Updated { get; private set; }
}
