using System.Text.RegularExpressions;
using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

internal sealed class MeterChecks<T>(MeterSettings settings) : PartChecks<T, IMeter>(PluginKind.Meter, settings)
    where T : class, IMeter, new()
{
    private const long Samples = 12;
    private const double Close = 1e-6;

    protected override IEnumerable<ConformanceCheck> Own() =>
        [
            Check("values", Values),
            Check("reading", Reading),
            Check("batches", Batches),
            Check("order", Order),
            Check("inputs unchanged", InputsUnchanged),
            Check("global generator", () => KeepsGlobalGenerator(() => EachKind(kind => Measured(kind, Rows())))),
            Check("memory", () => EachKind(kind => KeepsMemory(_ => Measured(kind, Rows())))),
        ];

    private void EachKind(Action<TargetKind> action)
    {
        foreach (var kind in New().Targets)
            action(kind);
    }

    private void Values()
    {
        var meter = New();
        if (meter.Targets.Count == 0)
            throw Fail("its Targets name no kind: nothing would be measured by it.");
        if (meter.Values.Count == 0)
            throw Fail("its Values state none.");
        if (meter.Values.FirstOrDefault(v => !Regex.IsMatch(v.Name, "^[a-z0-9]+(-[a-z0-9]+)*$")) is { } odd)
            throw Fail($"its value '{odd.Name}' is not in kebab-case, such as 'macro-f1'.");
        if (meter.Values.GroupBy(v => v.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw Fail($"it states the value '{twice.Key}' twice.");
        if (meter.Values.All(v => v.Name != meter.Chooser))
            throw Fail($"its Chooser '{meter.Chooser}' is none of its Values.");
    }

    private void Reading() =>
        EachKind(kind =>
        {
            var reading = Measured(kind, Rows());
            var stated = New().Values.Select(v => v.Name).ToList();
            if (reading.Values.Keys.FirstOrDefault(name => !stated.Contains(name)) is { } unknown)
                throw Fail($"of {kind} it gives '{unknown}', which its Values do not state.");
            if (!reading.Values.ContainsKey(New().Chooser))
                throw Fail($"of {kind} it does not give '{New().Chooser}', which chooses the best state.");
            if (reading.Values.FirstOrDefault(v => !double.IsFinite(v.Value)) is { Key: { } name } bad)
                throw Fail($"of {kind} its '{name}' is {bad.Value} for finite answers.");
            if (reading.Drawings.GroupBy(d => d.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
                throw Fail($"of {kind} two of its drawings are called '{twice.Key}'.");
        });

    // The last batch of a set is smaller, and nobody is to count its samples for more.
    private void Batches() =>
        EachKind(kind =>
            Compare(kind, Measured(kind, Rows()[..5], Rows()[5..7], Rows()[7..]), "cut into batches of 5, 2 and 5")
        );

    private void Order() =>
        EachKind(kind => Compare(kind, Measured(kind, [.. Enumerable.Reverse(Rows())]), "in the opposite order"));

    private void Compare(TargetKind kind, MeterReading other, string how)
    {
        foreach (var (name, value) in Measured(kind, Rows()).Values)
            if (!(Math.Abs(value - other.Values.GetValueOrDefault(name, double.NaN)) <= Close * (1 + Math.Abs(value))))
                throw Fail(
                    $"of the same samples {how} its '{name}' is {other.Values.GetValueOrDefault(name, double.NaN):G6}, not {value:G6}. Add up "
                        + "over samples, and divide when it is read."
                );
    }

    private void InputsUnchanged() =>
        EachKind(kind =>
        {
            var sample = Case(kind);
            var before = sample.Logits.clone();
            Measured(sample, kind, Rows());
            if (!Tensors.Same(before, sample.Logits))
                throw Fail($"of {kind} it changes the answers in place; other meters read the same.");
        });

    private static long[] Rows() => [.. Enumerable.Range(0, (int)Samples).Select(i => (long)i)];

    private MeterReading Measured(TargetKind kind, params long[][] batches) => Measured(Case(kind), kind, batches);

    private MeterReading Measured(MeterCase all, TargetKind kind, params long[][] batches)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var input = zeros([Samples, 3, 8, 8]);
        var data = new DataInfo(InputKind.Image, [3, 8, 8], kind, all.Classes, [], [], [], []);
        using var measurement =
            New().Begin(new(Stubs.Network([3, 8, 8], all.Classes), data, CPU)) ?? throw Fail("Begin gives null.");
        foreach (var rows in batches)
        {
            using var step = NewDisposeScope();
            var picked = tensor(rows);
            var logits = rows.SequenceEqual(Rows()) ? all.Logits : all.Logits.index_select(0, picked);
            measurement.Add(
                new(logits, null, new Dictionary<string, Tensor>()),
                new(input.index_select(0, picked), all.Target.Select(picked), picked)
            );
        }
        return measurement.Read() ?? throw Fail("Read gives null.");
    }

    private MeterCase Case(TargetKind kind)
    {
        if (settings.Case is { } own)
            return own(Key, kind);
        const long Classes = 4;
        using var random = Key.Derive("meter").NewGenerator(CPU);
        Tensor Labels(params long[] shape) => randint(0, Classes, shape, ScalarType.Int64, generator: random);
        Tensor Logits(params long[] shape) => randn(shape, ScalarType.Float32, generator: random);
        return kind switch
        {
            TargetKind.ClassIndex => new(Logits(Samples, Classes), new ClassIndexTarget(Labels(Samples)), Classes),
            TargetKind.ClassMap => new(
                Logits(Samples, Classes, 4, 5),
                new ClassMapTarget(Labels(Samples, 4, 5), 3),
                Classes
            ),
            TargetKind.Soft => new(
                Logits(Samples, Classes),
                new SoftTarget(Logits(Samples, Classes).softmax(1)),
                Classes
            ),
            TargetKind.Tokens => new(
                Logits(Samples, 6, Classes),
                new TokenTarget(Labels(Samples, 6), Labels(Samples, 6).gt(0)),
                Classes
            ),
            _ => throw Fail($"the kit has no answers to {kind}: give some as the setting Case."),
        };
    }
}
