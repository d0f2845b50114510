using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Sdk;

/// <summary>
/// What losses refuse alike: networks and answers that do not go together, input of which nothing can be compared, whose
/// loss would be one number for every network and teach nothing, and masks that belong to something else. Every failure is
/// <c>KDP0303</c> and names the loss.
/// </summary>
public static class LossChecks
{
    private const string Same = "it would be the same whatever the networks answer.";

    /// <summary>Refuses a batch of fewer samples than a comparison between samples needs.</summary>
    /// <param name="asker">The loss.</param>
    /// <param name="values">One row per sample: <c>[B, ...]</c>.</param>
    /// <param name="least">The fewest samples that differ in how they lie to each other: 2, or 3 where it is their proportions.</param>
    /// <exception cref="KdException"><c>KDP0303</c>: B is below it.</exception>
    public static void RequireSamples(this Asker asker, Tensor values, long least = 2)
    {
        if (values.dim() < 1 || values.shape[0] < least)
            throw asker.WrongShape(
                $"compares the samples of a batch with each other and needs at least {least}, got {TensorText.Shape(values.shape)}: {Same}",
                "Raise training.batchSize, or take a loss that looks at each sample alone."
            );
    }

    /// <summary>Refuses feature maps of a single position for what compares positions.</summary>
    /// <param name="asker">The loss.</param>
    /// <param name="taps">The taps that are compared, each [channels, height, width], and whose they are.</param>
    /// <exception cref="KdException"><c>KDP0303</c>: one is of a single position.</exception>
    public static void RequirePositions(this Asker asker, params ReadOnlySpan<(string Role, Tap Tap)> taps)
    {
        foreach (var (role, tap) in taps)
            if (tap.Shape[1] * tap.Shape[2] == 1)
                throw asker.WrongShape(
                    $"compares the positions of feature maps and needs at least 2, got {tap} of '{role}': {Same}",
                    "Name taps nearer to the input, or give larger images."
                );
    }

    /// <summary>Refuses logits of a single class, whose softmax is always 1.</summary>
    /// <param name="asker">The loss.</param>
    /// <param name="logits"><c>[B, C]</c>, <c>[B, C, h, w]</c> or <c>[B, L, V]</c>.</param>
    /// <exception cref="KdException"><c>KDP0303</c>: C is 1.</exception>
    public static void RequireClasses(this Asker asker, Tensor logits)
    {
        if (logits.dim() > 1 && logits.shape[(int)KdMath.ClassDimension(logits)] < 2)
            throw asker.WrongShape(
                $"compares classes and needs at least 2, got logits {TensorText.Shape(logits.shape)}: {Same}",
                "Train on data of two classes at least."
            );
    }

    /// <summary>Refuses a mask that does not say of every position whether it counts.</summary>
    /// <param name="asker">The loss.</param>
    /// <param name="mask">bool, true where a position counts; null for none.</param>
    /// <param name="positions">The shape it has to have, such as <c>[B, L]</c>; one that broadcasts to it is another one.</param>
    /// <exception cref="KdException"><c>KDP0303</c>: another shape or dtype.</exception>
    public static void RequireMask(this Asker asker, Tensor? mask, ReadOnlySpan<long> positions)
    {
        if (mask is not null && (mask.dtype != ScalarType.Bool || !mask.shape.AsSpan().SequenceEqual(positions)))
            throw asker.WrongShape(
                $"got the mask {TensorText.Describe(mask)} for positions {TensorText.Shape(positions)}: expected Bool{TensorText.Shape(positions)}.",
                "Give one value per position; a mask is not broadcast."
            );
    }

    /// <summary>
    /// Refuses a teacher and a student (by their usual roles) of different class counts before the first step; other roles
    /// are left to the step.
    /// </summary>
    /// <param name="asker">The loss.</param>
    /// <param name="binding">What it is bound to.</param>
    /// <exception cref="KdException"><c>KDP0303</c>: they have different numbers of classes.</exception>
    public static void RequireSameClasses(this Asker asker, LossBinding binding)
    {
        if (!binding.Roles.Contains(Roles.Teacher) || !binding.Roles.Contains(Roles.Student))
            return;
        var (teacher, student) = (binding.Shape(Roles.Teacher).Classes, binding.Shape(Roles.Student).Classes);
        if (teacher != student)
            throw asker.WrongShape(
                $"got a teacher with {teacher} classes and a student with {student}: class counts must match."
            );
    }

    /// <summary>Student's and teacher's logits of one shape and of two classes at least; no gradient goes to the teacher.</summary>
    /// <param name="asker">The loss.</param>
    /// <param name="context">Who answered.</param>
    /// <param name="rows">Whether they have to be <c>[batch, classes]</c>.</param>
    /// <exception cref="KdException"><c>KDP0303</c>: they are not.</exception>
    public static (Tensor Student, Tensor Teacher) RequireLogits(
        this Asker asker,
        ILossContext context,
        bool rows = false
    )
    {
        var (student, teacher) = (context.Student.Logits, context.Teacher.Logits);
        if ((rows && student.dim() != 2) || !student.shape.AsSpan().SequenceEqual(teacher.shape))
            throw asker.WrongShape(
                $"needs logits {(rows ? "[batch, classes] " : "")}of one shape: the student's are {TensorText.Shape(student.shape)}, the teacher's {TensorText.Shape(teacher.shape)}."
            );
        asker.RequireClasses(student);
        return (student, teacher.detach());
    }

    /// <summary>The length of a network's embedding.</summary>
    /// <param name="asker">Who compares it.</param>
    /// <param name="shape">The network's.</param>
    /// <param name="role">Whose network it is.</param>
    /// <param name="code">The failure's entry in the catalogue; null for <c>KDP0303</c>.</param>
    /// <exception cref="KdException">The network has none.</exception>
    public static long RequireEmbedding(this Asker asker, NetworkShape shape, string role, ErrorCode? code = null) =>
        shape.Embedding > 0
            ? shape.Embedding
            : throw asker.Refusal(
                code ?? CoreErrors.ShapesDiffer,
                $"compares embeddings, and the network of '{role}' has none.",
                "Take a network with a pooled embedding before its last layer for this role."
            );

    /// <summary>Both networks' embeddings of the same samples; no gradient goes to the teacher.</summary>
    /// <param name="asker">The loss.</param>
    /// <param name="context">Who answered.</param>
    /// <param name="student">The student's role.</param>
    /// <param name="teacher">The teacher's role.</param>
    /// <param name="least">See <see cref="RequireSamples"/>.</param>
    /// <returns>Float <c>[B, D]</c> and <c>[B, D']</c>.</returns>
    /// <exception cref="KdException">
    /// <c>KDP0303</c>: they are no rows, are of different samples in number, or too few.
    /// </exception>
    public static (Tensor Student, Tensor Teacher) RequireEmbeddings(
        this Asker asker,
        ILossContext context,
        string student,
        string teacher,
        long least = 2
    )
    {
        var (own, other) = (context.Student.Embedding, context.Teacher.Embedding);
        if (own?.dim() != 2 || other?.dim() != 2 || own.shape[0] != other.shape[0])
            throw asker.WrongShape(
                $"needs embeddings [samples, features] of the same samples, got {Text(own)} of '{student}' and {Text(other)} of '{teacher}'."
            );
        asker.RequireSamples(own, least);
        return (own, other.detach());
    }

    private static string Text(Tensor? embedding) => embedding is null ? "none" : TensorText.Describe(embedding);
}
