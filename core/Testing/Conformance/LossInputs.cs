using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

/// <summary>Makes and changes what a loss sees.</summary>
internal static class LossInputs
{
    private const long Samples = 4;
    private const long Classes = 5;

    /// <summary>Logits, embeddings and two taps of student and teacher, float64, and a class per sample.</summary>
    internal static LossCase Random(RandomKey key)
    {
        using var random = key.NewGenerator(CPU);
        Tensor Draw(params long[] shape) => randn(shape, ScalarType.Float64, generator: random);
        ModelOutput Answer() =>
            Stubs.Output(
                Draw(Samples, Classes),
                Draw(Samples, 8),
                new Dictionary<string, Tensor> { ["early"] = Draw(Samples, 4, 4, 4), ["late"] = Draw(Samples, 6, 2, 2) }
            );
        var (student, teacher) = (Answer(), Answer());
        var labels = randint(0, Classes, [Samples], ScalarType.Int64, generator: random);
        var batch = new Batch(Draw(Samples, 3, 8, 8), new ClassIndexTarget(labels), arange(Samples, ScalarType.Int64));
        return new(student, teacher, batch);
    }

    /// <summary>The shapes of a case's networks.</summary>
    internal static LossBinding Binding(LossCase on, Device device)
    {
        NetworkShape Shape(ModelOutput output) =>
            new(
                [.. on.Batch.Input.shape[1..]],
                output.Logits.shape[1],
                output.Embedding is { } e ? e.shape[1] : 0,
                [.. output.Features.Select(f => new Tap(f.Key, [.. f.Value.shape[1..]], true))]
            );
        var shapes = new Dictionary<string, NetworkShape> { [Roles.Student] = Shape(on.Student) };
        if (on.Teacher is not null)
            shapes[Roles.Teacher] = Shape(on.Teacher);
        foreach (var (role, output) in on.Outputs)
            shapes[role] = Shape(output);
        var kind = on.Batch.Target.Kind;
        return new(shapes, Stubs.Data([.. on.Batch.Input.shape[1..]], on.Student.Logits.shape[1], kind), 64, device);
    }

    /// <summary>The names of an answer's tensors.</summary>
    internal static IReadOnlyList<string> Names(ModelOutput output) =>
        ["logits", .. output.Embedding is null ? (string[])[] : ["embedding"], .. output.Features.Keys];

    internal static Tensor Get(ModelOutput output, string name) =>
        name switch
        {
            "logits" => output.Logits,
            "embedding" => output.Embedding,
            _ => output.Features[name],
        };

    /// <summary>The answer with one tensor replaced.</summary>
    internal static ModelOutput With(ModelOutput output, string name, Tensor value) =>
        Change(output, (n, t) => n == name ? value : t);

    /// <summary>The case with the student's tensors as leaves of their own.</summary>
    internal static LossCase Leaves(LossCase on) =>
        on with
        {
            Student = Change(on.Student, (_, t) => t.detach().clone().requires_grad_(true)),
        };

    /// <summary>The case with both networks' logits times a number.</summary>
    internal static LossCase Scaled(LossCase on, double factor) =>
        on with
        {
            Student = With(on.Student, "logits", on.Student.Logits * factor),
            Teacher = on.Teacher is null ? null : With(on.Teacher, "logits", on.Teacher.Logits * factor),
        };

    /// <summary>The case in another dtype, on a device.</summary>
    internal static LossCase To(LossCase on, ScalarType dtype, Device device)
    {
        ModelOutput Move(ModelOutput output) => Change(output, (_, t) => t.detach().to(dtype).to(device));
        return new(
            Move(on.Student),
            on.Teacher is null ? null : Move(on.Teacher),
            on.Batch.WithInput(on.Batch.Input.to(dtype)).To(device)
        )
        {
            Outputs = on.Outputs.ToDictionary(o => o.Key, o => Move(o.Value)),
        };
    }

    /// <summary>Every tensor that the loss is handed.</summary>
    internal static IEnumerable<(string Name, Tensor Value)> All(LossCase on)
    {
        var answers = on.Outputs.Select(o => (o.Key, o.Value)).Prepend((Roles.Student, on.Student));
        if (on.Teacher is not null)
            answers = answers.Append((Roles.Teacher, on.Teacher));
        return answers
            .SelectMany(a => Names(a.Item2).Select(n => ($"{a.Item1}.{n}", Get(a.Item2, n))))
            .Concat(Tensors.Of(on.Batch));
    }

    private static ModelOutput Change(ModelOutput output, Func<string, Tensor, Tensor> change) =>
        Stubs.Output(
            change("logits", output.Logits),
            output.Embedding is null ? null : change("embedding", output.Embedding),
            output.Features.ToDictionary(f => f.Key, f => change(f.Key, f.Value))
        );
}
