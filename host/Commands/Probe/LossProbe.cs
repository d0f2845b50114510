using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>A loss on given outputs: its value, what it reports, gradients by all that has a graph in a run.</summary>
internal sealed class LossProbe(IDistillationLoss loss, string who, ProbeInput input, ProbeSettings settings)
    : PluginProbe(who, input, settings)
{
    private ProbeRoles? _roles;

    private ProbeRoles Given => _roles ??= new(Input);

    protected override IEnumerable<string> KnownNames =>
        [
            "student.logits",
            "student.embedding",
            "teacher.logits",
            "teacher.embedding",
            .. ProbeData.BatchNames,
            .. ProbeData.Names,
            .. ProbeContext.ProgressNames,
        ];

    /// <summary>What losses take.</summary>
    internal static IEnumerable<ProbeTensor> Accepts(IDistillationLoss loss) =>
        [
            new("student.logits", "float [B, C], [B, C, h, w] or [B, L, V]", false, "the main head"),
            new("student.embedding", "float [B, D]", false, "the input of the last layer"),
            new("student.features.TAP", "float [B, ...]", false, "a tap; every tap that the loss asks for is needed"),
            new("teacher.*", "as the student's", loss.NeedsTeacher, "what the teacher answered; has no gradient"),
            new("ROLE.*", "as the student's", false, "what a further role answered"),
            .. BatchTensors,
            new(
                "data.samples",
                "int64 []",
                false,
                "training samples, for memory banks; default: the largest index + 1"
            ),
        ];

    internal static IReadOnlyList<ProbeTensor> BatchTensors { get; } =
    [
        new("target.labels", "int64 [B]", false, "classes"),
        new("target.soft", "float [B, C]", false, "a value per class"),
        new("target.map", "int64 [B, H, W]", false, "a class per pixel; target.ignore (default 255) does not count"),
        new("target.boxes", "float [N, 4]", false, "with target.box-labels int64 [N], target.box-counts int64 [B]"),
        new("target.tokens", "int64 [B, L]", false, "with target.token-mask bool [B, L], default all true"),
        new("indices", "int64 [B]", false, "the samples' numbers; default 0, 1, 2, ..."),
        new("mask", "bool [B, L]", false, "true where a token counts"),
        new("data.classes", "int64 []", false, "default: as logits or soft targets say"),
        new("data.mean, data.std", "float [C]", false, "per channel"),
        new(
            "progress.step",
            "int64 []",
            false,
            "of progress.total-steps, with progress.steps-per-epoch; default 0, 1, 1"
        ),
        new("value.NAME", "float []", false, "what the strategy publishes for the step"),
        new("consult.ROLE.logits", "float [K, C]", false, "answers to Consult; consult.ROLE.CALL.logits for one call"),
    ];

    protected override nn.Module? Make()
    {
        var shapes = Given.Shapes;
        if (loss.NeedsTeacher && !shapes.ContainsKey(Roles.Teacher))
            throw ProbeFault.Input(
                $"{Who} needs a teacher; {Input.Origin} has no 'teacher.logits' or other teacher.*."
            );
        var indices = Input.Peek("indices");
        var samples =
            indices is null || indices.numel() == 0 ? Given.Count : indices.max().to(ScalarType.Int64).item<long>() + 1;
        loss.Bind(
            new(
                shapes,
                ProbeData.Info(Input, shapes[Roles.Student].Classes),
                (long)Input.Number("data.samples", samples),
                CPU
            )
        );
        return loss.Module;
    }

    protected override void Compute()
    {
        var outputs = new Dictionary<string, ModelOutput>();
        var leaves = new List<(string Name, Tensor Value)>();
        foreach (var (role, shape) in Given.Shapes)
        {
            // The engine gives the teacher's answers without graph.
            if (role != Roles.Teacher)
                foreach (var leaf in Given.Tensors(role))
                    leaves.Add((leaf.Name, leaf.Value.requires_grad_(true)));
            outputs[role] = Given.Output(role, loss.Taps(role, shape));
        }
        var classes = Given.Shapes[Roles.Student].Classes;
        var batch = ProbeData.Batch(Input, Given.Count, classes);
        var context = new ProbeLossContext(Input, Output, Settings, outputs, batch);
        var value = ProbeFault.Guard(Who, () => NotGiven([.. context.Asked]), () => loss.Compute(context));
        if (value is null || value.numel() != 1)
            throw ProbeFault.Input(
                $"{Who} gave {(value is null ? "nothing" : TensorText.Describe(value))} instead of a scalar."
            );
        Output.Add("loss", value);
        foreach (var (name, reported) in context.Reported)
            Output.Add($"reported.{name}", reported);
        AddGradients(value.sum(), [.. leaves, .. Module.Leaves]);
    }
}
