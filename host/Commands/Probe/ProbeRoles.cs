using System.Text.RegularExpressions;
using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>The roles' outputs that a loss's tensors stand for: ROLE.logits, ROLE.embedding, ROLE.features.TAP.</summary>
internal sealed partial class ProbeRoles
{
    private const string Features = ".features.";
    private static readonly string[] Reserved =
    [
        "target",
        "data",
        "progress",
        "value",
        "consult",
        "parameters",
        "buffers",
    ];

    private readonly ProbeInput _input;
    private readonly Dictionary<string, NetworkShape> _shapes = new(StringComparer.Ordinal);

    /// <exception cref="KdException"><c>KDP0806</c>: no student, no rows, or another number of them.</exception>
    internal ProbeRoles(ProbeInput input)
    {
        _input = input;
        var sample = ProbeData.SampleShape(input.Peek("input"));
        foreach (var role in input.Names.Select(n => n.Split('.')[0]).Distinct().Except(Reserved))
            if (input.Names.Where(n => n.StartsWith(role + ".", StringComparison.Ordinal)).Any(IsOutput))
                _shapes[role] = ShapeOf(role, sample);
        var first = Tensors(Roles.Student).FirstOrDefault();
        if (first.Name is null)
            throw ProbeFault.Input(
                $"{input.Origin} has nothing of the student: expected 'student.logits', 'student.embedding' or "
                    + "'student.features.<tap>'."
            );
        Count = first.Value.shape[0];
    }

    /// <summary>The number of samples.</summary>
    internal long Count { get; }

    /// <summary>The shapes by role.</summary>
    internal IReadOnlyDictionary<string, NetworkShape> Shapes => _shapes;

    /// <summary>What a role answered, with the taps that are asked for and no others.</summary>
    /// <exception cref="KdException"><c>KDP0806</c>: a tap is not there.</exception>
    internal ModelOutput Output(string role, IReadOnlyCollection<string> taps) =>
        new(
            _input.Peek($"{role}.logits"),
            _input.Peek($"{role}.embedding"),
            taps.ToDictionary(
                t => t,
                t =>
                    _input.Peek(role + Features + t)
                    ?? throw ProbeFault.Input(
                        $"{_input.Origin} has no tensor '{role + Features + t}', a tap that the loss needs."
                    )
            )
        );

    /// <summary>The tensors of a role with their names.</summary>
    internal IEnumerable<(string Name, Tensor Value)> Tensors(string role) =>
        _input
            .Names.Where(n => n.StartsWith(role + ".", StringComparison.Ordinal) && IsOutput(n))
            .Select(n => (n, _input.Peek(n)!));

    private static bool IsOutput(string name) => OutputName().IsMatch(name);

    private NetworkShape ShapeOf(string role, long[] input)
    {
        foreach (var (name, value) in Tensors(role))
            if (value.dim() < 1 || !value.is_floating_point())
                throw ProbeFault.Input(
                    $"'{name}' is {TensorText.Describe(value)}; expected floats, one row per sample."
                );
        var logits = _input.Peek($"{role}.logits");
        var classes = logits is null ? 0 : logits.shape[logits.dim() == 3 ? 2 : Math.Min(1, logits.dim() - 1)];
        var embedding = _input.Peek($"{role}.embedding")?.shape[^1] ?? 0;
        var taps = Tensors(role)
            .Where(t => t.Name.StartsWith(role + Features, StringComparison.Ordinal))
            .Select(t => (Tap: t.Name[(role.Length + Features.Length)..], t.Value))
            .OrderBy(
                t => t.Tap,
                StringComparer.Create(
                    System.Globalization.CultureInfo.InvariantCulture,
                    System.Globalization.CompareOptions.NumericOrdering
                )
            )
            .Select(t => new Tap(
                t.Tap,
                [.. t.Value.shape.Skip(1)],
                t.Tap.EndsWith(".preact", StringComparison.Ordinal)
            ));
        return new(input, classes, embedding, [.. taps]);
    }

    [GeneratedRegex(@"^[^.]+\.(logits|embedding|features\..+)$")]
    private static partial Regex OutputName();
}
