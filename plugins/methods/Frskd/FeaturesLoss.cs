using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Frskd;

/// <summary>
/// L_F: the student's feature maps follow those that the self-teacher has made of them, level by level. The forms are those of the
/// published code; "fit" and "od" learn a 1x1 convolution per level with the student.
/// </summary>
[KdLoss(
    "frskd-features",
    Description = "Feature maps against their refined forms: attention maps, or values behind learnt adapters",
    Paper = "Ji, Shin, Hwang, Park, Moon: Refine Myself by Teaching Myself, CVPR 2021, arXiv 2103.08273"
)]
public sealed class FeaturesLoss : DistillationLoss<FeaturesOptions>
{
    // Of a norm as it is made, w = 1 and b = 0: the published code takes the margins once, then.
    private static readonly double Margin = -Math.Sqrt(2 / Math.PI);

    private IReadOnlyList<Pair>? _pairs;
    private Adapters? _adapters;

    private sealed record Pair(string Student, string Teacher);

    /// <inheritdoc/>
    public override nn.Module? Module => _adapters;

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Taps(string role, NetworkShape shape) =>
        role == Options.Student ? [.. Levels(shape).Select(level => Own(level, shape).Name)]
        : role == Options.Teacher
            ? Options.Levels.Count > 0 ? [.. Options.Levels.Select(Refined)]
                : [.. Stages(shape)]
        : [];

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0301</c>: a role is missing; <c>KDP0302</c>: a network has no such tap; <c>KDP0303</c>: maps cannot be compared.
    /// </exception>
    public override void Bind(LossBinding binding)
    {
        var (student, teacher) = (binding.Shape(Options.Student), binding.Shape(Options.Teacher));
        var levels = Levels(student);
        if (levels.Count == 0)
            throw Asker.WrongShape(
                $"compares feature maps, and '{Options.Student}' has none called layerN.",
                "Name them in the option levels."
            );
        var pairs = levels
            .Select(level => (Own: Own(level, student), Refined: teacher.Tap(Refined(level.Name))))
            .ToArray();
        foreach (var (own, refined) in pairs)
        {
            if (!own.Shape.Skip(1).SequenceEqual(refined.Shape.Skip(1)))
                throw Asker.WrongShape(
                    $"compares maps position by position, got {own} of '{Options.Student}' and {refined} of '{Options.Teacher}'.",
                    "Take the strategy 'frskd', whose self-teacher keeps the sizes."
                );
            if (Options.Form == FeatureForm.Attention)
                Asker.RequirePositions((Options.Student, own));
        }
        _pairs = [.. pairs.Select(p => new Pair(p.Own.Name, p.Refined.Name))];
        if (Options.Form != FeatureForm.Attention)
            _adapters = new(
                pairs.Select(p => new Lateral(p.Own.Shape[0], p.Refined.Shape[0], Options.Form == FeatureForm.Fit))
            );
    }

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0302</c>: a network did not answer with a tap; <c>KDP0307</c>: it was not bound.
    /// </exception>
    public override Tensor Compute(ILossContext context)
    {
        var pairs = Asker.Bound(_pairs);
        return pairs
            .Select((p, i) => OfLevel(i, context.Student.Feature(p.Student), context.Teacher.Feature(p.Teacher)))
            .Aggregate((a, b) => a.add(b));
    }

    private Tensor OfLevel(int i, Tensor own, Tensor refined) =>
        Options.Form switch
        {
            FeatureForm.Attention => FrskdMath.Attention(own.relu(), refined),
            FeatureForm.Fit => FrskdMath.Fit(_adapters!.Of(i).call(own.relu()), refined),
            // The coarsest level counts whole, each finer one half of the next.
            _ => FrskdMath
                .MarginDistance(_adapters!.Of(i).call(own), refined, Margin)
                .mul(Math.Pow(2, i + 1 - _pairs!.Count)),
        };

    private IReadOnlyList<Level> Levels(NetworkShape shape) => Level.Of(Asker, shape, Options.Levels, Options.Student);

    private IEnumerable<string> Stages(NetworkShape shape) =>
        Level.Of(Asker, shape, [], Options.Teacher).Select(level => Refined(level.Name));

    private Tap Own(Level level, NetworkShape shape) =>
        Options.Form == FeatureForm.Od ? level.SignedOf(shape) : level.Tap;

    /// <summary>A_1 to A_n.</summary>
    private sealed class Adapters : nn.Module
    {
        private readonly ModuleList<Lateral> level;

        internal Adapters(IEnumerable<Lateral> levels)
            : base(nameof(Adapters))
        {
            level = nn.ModuleList<Lateral>([.. levels]);
            RegisterComponents();
        }

        internal Lateral Of(int i) => level[i];
    }

    private string Refined(string level) => Options.Form == FeatureForm.Od ? level + ".preact" : level;
}
