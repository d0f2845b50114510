using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>What a part sees of a step: everything comes from the input's tensors, and what is asked for counts as read.</summary>
internal class ProbeContext(ProbeInput input, ProbeOutput output, ProbeSettings settings) : IPartContext, IGivenDraws
{
    internal static readonly string[] ProgressNames =
    [
        "progress.step",
        "progress.total-steps",
        "progress.steps-per-epoch",
    ];

    private readonly Dictionary<string, int> _calls = new(StringComparer.Ordinal);

    protected ProbeInput Input => input;

    public Progress Progress =>
        new(
            "probe",
            (long)input.Number(ProgressNames[0], 0),
            (long)input.Number(ProgressNames[1], 1),
            Math.Max(1, (long)input.Number(ProgressNames[2], 1))
        );

    public RandomKey Random { get; } = settings.Key.Derive("step");

    public Device Device => CPU;

    public bool IsEvaluation => settings.IsEvaluation;

    /// <summary>
    /// The answer that the input holds: consult.ROLE.CALL.* for the call of that number, from 1, else consult.ROLE.*.
    /// What was asked goes to the output.
    /// </summary>
    public ModelOutput Consult(string role, Batch batch, IReadOnlyCollection<string> taps)
    {
        var call = _calls[role] = _calls.GetValueOrDefault(role) + 1;
        output.Add($"consulted.{role}.{call}.input", batch.Input);
        var prefix = input.Below($"consult.{role}.{call}.").Count > 0 ? $"consult.{role}.{call}" : $"consult.{role}";
        var logits = input.Need(
            $"{prefix}.logits",
            $"call {call} asks '{role}' about {TensorText.Describe(batch.Input)}."
        );
        if (logits.dim() < 1 || logits.shape[0] != batch.Count)
            throw ProbeFault.Input(
                $"'{prefix}.logits' is {TensorText.Describe(logits)}, but call {call} asks '{role}' about "
                    + $"{batch.Count} samples."
            );
        var features = taps.ToDictionary(
            t => t,
            t => input.Need($"{prefix}.features.{t}", $"the tap is asked for by call {call}.")
        );
        return new(logits, input.Find($"{prefix}.embedding"), features);
    }

    public Tensor? Drawn(string name) => input.Find(ProbeInput.Draws + name);

    public double Value(string name, double fallback) => input.Number($"value.{name}", fallback);
}

/// <summary>What a loss sees of a step.</summary>
internal sealed class ProbeLossContext(
    ProbeInput input,
    ProbeOutput output,
    ProbeSettings settings,
    IReadOnlyDictionary<string, ModelOutput> outputs,
    Batch batch
) : ProbeContext(input, output, settings), ILossContext
{
    public ModelOutput Student => Output(Roles.Student);

    public ModelOutput Teacher => Output(Roles.Teacher);

    public bool HasTeacher => outputs.ContainsKey(Roles.Teacher);

    public Batch Batch
    {
        get
        {
            Input.MarkRead(ProbeData.BatchNames);
            _asked.Add("mask");
            return batch;
        }
    }

    private readonly List<string> _asked = [];

    /// <summary>Names of what the loss has asked for, whether the input has them or not.</summary>
    internal IEnumerable<string> Asked => _asked.Distinct();

    /// <summary>What the loss reported.</summary>
    internal OrderedDictionary<string, Tensor> Reported { get; } = [];

    public ModelOutput Output(string role)
    {
        if (!outputs.TryGetValue(role, out var found))
            throw new KdException(
                CoreErrors.RoleMissing,
                $"A loss needs the output of '{role}'; {Input.Origin} has {string.Join(", ", outputs.Keys)}.",
                $"Give of it what the loss reads of the student: {string.Join(", ", Like(role))}."
            );
        _asked.AddRange($"{role}.logits", $"{role}.embedding");
        Input.MarkRead($"{role}.logits", $"{role}.embedding");
        foreach (var tap in found.Features.Keys)
            Input.MarkRead($"{role}.features.{tap}");
        return found;
    }

    private IEnumerable<string> Like(string role) =>
        Input.Below($"{Roles.Student}.").Select(name => $"'{role}.{name}'");

    public void Report(string name, Tensor value) => Reported[name] = value;
}
