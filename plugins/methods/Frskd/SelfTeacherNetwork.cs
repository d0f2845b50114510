using KdPlugins.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Frskd;

/// <summary>
/// The self-teacher as a role: it goes on from the student's feature maps, with gradient to them. Its taps bear the names of the
/// levels, <c>.preact</c> behind them before the ReLU; <c>pooled</c> is its embedding.
/// </summary>
internal sealed class SelfTeacherNetwork : IDerivedNetwork
{
    private readonly INetwork _student;
    private readonly IReadOnlyList<Level> _levels;
    private readonly SelfTeacher _own;

    internal SelfTeacherNetwork(INetwork student, IReadOnlyList<Level> levels, FrskdOptions options)
    {
        (_student, _levels) = (student, levels);
        _own = new(levels, options, student.Shape.Classes);
        Basis = [.. levels.Select(l => l.Tap.Name)];
        var widths = _own.Widths;
        var taps = levels.SelectMany(
            (level, i) =>
            {
                long[] shape = [widths[i], level.Height, level.Width];
                return (Tap[])[new(level.Signed, shape, true), new(level.Name, shape, false)];
            }
        );
        Shape = new(
            student.Shape.Input,
            student.Shape.Classes,
            widths[^1],
            [.. taps, new Tap("pooled", [widths[^1]], false)]
        );
    }

    public nn.Module Module => _own;

    public NetworkShape Shape { get; }

    public IReadOnlyCollection<string> Basis { get; }

    public ModelOutput Forward(Tensor input, Tensor? mask, IReadOnlyCollection<string>? taps) =>
        ForwardFrom(_student.Forward(input, mask, Basis), taps);

    public ModelOutput ForwardFrom(ModelOutput basis, IReadOnlyCollection<string>? taps)
    {
        var refined = _own.Refine([.. _levels.Select(l => basis.Feature(l.Tap.Name))]);
        var (logits, pooled) = _own.Classify(refined[^1]);
        var features = new Dictionary<string, Tensor>();
        foreach (var tap in taps ?? [])
            features[tap] = Value(Shape.Tap(tap).Name, refined, pooled);
        return new(logits, pooled, features);
    }

    private Tensor Value(string tap, Tensor[] refined, Tensor pooled)
    {
        for (var i = 0; i < _levels.Count; i++)
            if (tap == _levels[i].Name)
                return refined[i].relu();
            else if (tap == _levels[i].Signed)
                return refined[i];
        return pooled;
    }
}
