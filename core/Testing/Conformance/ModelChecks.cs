using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

internal sealed class ModelChecks<T>(ModelSettings settings) : PartChecks<T, IModelPlugin>(PluginKind.Model, settings)
    where T : class, IModelPlugin, new()
{
    private const long Classes = 4;
    private const double Close = 1e-4;

    protected override IEnumerable<ConformanceCheck> Own() =>
        [
            Check("shapes", Shapes),
            Check("taps", Taps),
            Check("modes", Modes),
            Check("names", Names),
            Check("parameters", Parameters),
            Check("weights", Weights),
            Check("conversion", Conversion),
            Check("frozen", Frozen),
            Check("inputs unchanged", InputsUnchanged),
            Check("memory", Memory),
            Check("CPU and CUDA", Parity),
        ];

    private bool IsTokens => settings.Data?.Kind == InputKind.Tokens;

    private DataInfo Data(long classes) =>
        settings.Data ?? new(InputKind.Image, settings.InputShape, TargetKind.ClassIndex, classes, [], [], [], []);

    // As the engine makes it: weights from the default generator, seeded; evaluation mode.
    private INetwork Made(long classes = Classes, ulong seed = 1)
    {
        using var scope = RandomScope.Use(seed);
        var network =
            New().Create(new(settings.InputShape, classes, Data(classes))) ?? throw Fail("Create gives null.");
        network.Module.eval();
        return network;
    }

    private Tensor Input(long count, ulong step = 0)
    {
        using var random = Key.Derive("input").Derive((long)step).NewGenerator(CPU);
        return IsTokens
            ? randint(0, Data(Classes).Vocabulary.Count, [count, 6], ScalarType.Int64, generator: random)
            : rand([count, .. settings.InputShape], ScalarType.Float32, generator: random);
    }

    private static ModelOutput Answer(INetwork network, Tensor input) =>
        network.Forward(input, null!, [.. network.Shape.Taps.Select(t => t.Name)]) ?? throw Fail("Forward gives null.");

    private ModelOutput Quiet(INetwork network, Tensor input)
    {
        using var _ = no_grad();
        return Seeded(Key, () => Answer(network, input));
    }

    private void Shapes()
    {
        foreach (var classes in (long[])[Classes, 7])
        {
            var network = Made(classes);
            var shape = network.Shape;
            if (!shape.Input.SequenceEqual(settings.InputShape))
                throw Fail(
                    $"asked for inputs {TensorText.Shape([.. settings.InputShape])}, its Shape says {TensorText.Shape([.. shape.Input])}."
                );
            var expected = IsTokens ? shape.Classes : classes;
            if (shape.Classes != expected)
                throw Fail(
                    $"asked for {classes} classes, its Shape says {shape.Classes}. Take request.Classes for the last layer."
                );
            var output = Quiet(network, Input(3));
            if (output.Logits.shape[0] != 3 || output.Logits.shape[IsTokens ? ^1 : 1] != expected)
                throw Fail(
                    $"for 3 samples and {expected} classes its logits are {TensorText.Shape(output.Logits.shape)}."
                );
            var embedding = output.Embedding is { } e ? e.shape[^1] : 0;
            if (embedding != shape.Embedding)
                throw Fail(
                    $"its Shape says an embedding of {shape.Embedding}, and Forward gives {embedding} (0 for none)."
                );
            if (!Tensors.Finite(output.Logits) || output.Logits.dtype != ScalarType.Float32)
                throw Fail($"its logits are {TensorText.Describe(output.Logits)}; finite Float32 is expected.");
        }
    }

    private string Taps()
    {
        var network = Made();
        if (network.Shape.Taps.Count == 0)
            return "it publishes no taps.";
        if (network.Shape.Taps.GroupBy(t => t.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw Fail($"two of its taps are called '{twice.Key}'.");
        var output = Quiet(network, Input(2));
        foreach (var tap in network.Shape.Taps)
        {
            if (!output.Features.TryGetValue(tap.Name, out var value))
                throw Fail(
                    $"its Shape publishes the tap '{tap.Name}', and Forward does not give it when it is asked for."
                );
            if (!IsTokens && !value.shape[1..].SequenceEqual(tap.Shape))
                throw Fail(
                    $"its Shape says {TensorText.Shape([.. tap.Shape])} for the tap '{tap.Name}', and Forward gives "
                        + $"{TensorText.Shape(value.shape[1..])}."
                );
        }
        return "";
    }

    // In an evaluation a sample's answer depends on nothing but the sample, and nothing changes.
    private void Modes()
    {
        var network = Made();
        var before = Tensors.Copy(network.Module);
        var (all, one) = (Quiet(network, Input(4)), Quiet(network, Input(4)[..1]));
        if (!Tensors.Same(all.Logits, Quiet(network, Input(4)).Logits))
            throw Fail("in evaluation mode the same input is answered otherwise the second time.");
        var off = Tensors.Difference(all.Logits[..1], one.Logits);
        if (!(off <= Close * (1 + one.Logits.abs().max().item<float>())))
            throw Fail(
                $"in evaluation mode a sample is answered otherwise alone than among others (by {off:G3}): a layer is in training mode. "
                    + "Register all parts, and ask this module's 'training' in functional layers."
            );
        if (
            network.Module.state_dict().FirstOrDefault(e => !Tensors.Same(e.Value, before[e.Key])) is
            { Key: { } changed }
        )
            throw Fail($"in evaluation mode Forward changes '{changed}'.");
        using (RandomScope.Use(3))
        {
            var at = Generator.Default.get_state();
            using var _ = no_grad();
            Answer(network, Input(2));
            if (!Tensors.Same(at, Generator.Default.get_state()))
                throw Fail(
                    "in evaluation mode it draws from libtorch's default generator: dropout or noise that does not look at 'training'."
                );
        }
        network.Module.train();
        if (network.Module.modules().Any(m => !m.training))
            throw Fail("train() does not reach all of its parts.");
        if (!Tensors.Finite(Answer(network, Input(4)).Logits))
            throw Fail("in training mode its logits are not finite.");
    }

    // What published weights and checkpoints go by.
    private void Names()
    {
        var (first, second) = (Made().Module, Made(seed: 2).Module);
        ModuleNames.Verify(first);
        static List<string> State(nn.Module module) =>
            [
                .. module
                    .state_dict()
                    .Select(e => $"{e.Key} {TensorText.Shape(e.Value.shape)}")
                    .Order(StringComparer.Ordinal),
            ];
        if (State(first).Except(State(second)).Concat(State(second).Except(State(first))).FirstOrDefault() is { } name)
            throw Fail(
                $"'{name}' is in the state of one instance and not of another: names have to be the same every time, or no weights load."
            );
    }

    private void Parameters()
    {
        var network = Made();
        network.Module.train();
        var output = Answer(network, Input(4));
        var total = output.Logits.square().sum();
        foreach (var tap in output.Features.Values.Where(t => t.requires_grad))
            total += tap.square().sum();
        if (!total.requires_grad)
            throw Fail("its answer has no graph: Forward detaches, or it has no parameters that are registered.");
        total.backward();
        var own = network.Module.named_parameters().ToList();
        if (own.Count == 0)
            throw Fail("it has no parameters: call RegisterComponents at the end of the constructor.");
        var idle = own.Where(p =>
            p.parameter.requires_grad && p.parameter.grad is null && !settings.Unused.Contains(p.name)
        );
        if (idle.Select(p => $"'{p.name}'").ToList() is { Count: > 0 } names)
            throw Fail(
                $"no gradient reaches its {string.Join(", ", names.Take(4))}: Forward does not use it. Use it, leave it out, or name it "
                    + "in the setting Unused."
            );
    }

    // From the default generator, which the engine seeds, and from nothing else.
    private void Weights()
    {
        var (a, b, other) = (Made().Module.state_dict(), Made().Module.state_dict(), Made(seed: 2).Module.state_dict());
        foreach (var (name, value) in a)
            if (!Tensors.Same(value, b[name]))
                throw Fail(
                    $"with the same seed '{name}' begins otherwise. Draw initial weights from libtorch's default generator."
                );
        if (a.All(e => Tensors.Same(e.Value, other[e.Key])))
            throw Fail("with another seed it has the same weights: nothing is drawn for them.");
        if (
            a.FirstOrDefault(e => e.Value.is_floating_point() && e.Value.dtype != ScalarType.Float32) is
            { Key: { } odd }
        )
            throw Fail($"'{odd}' is {a[odd].dtype}; networks are made in Float32.");
    }

    // Moving and converting reaches every part, or a part works with old numbers.
    private void Conversion()
    {
        var network = Made();
        var plain = Quiet(network, Input(2)).Logits.to(ScalarType.Float64);
        try
        {
            network.Module.to(ScalarType.Float64);
        }
        catch (Exception e)
        {
            throw new ConformanceException(
                $"its 'to' ends in {e.GetType().Name} ({e.Message}). A ModuleDict, or two properties of one name, cannot be converted: "
                    + "hold parts in a ModuleList, a Sequential or fields.",
                e
            );
        }
        if (network.Module.state_dict().FirstOrDefault(e => e.Value.dtype == ScalarType.Float32) is { Key: { } left })
            throw Fail($"'to' leaves '{left}' as it was.");
        Tensor wide;
        try
        {
            wide = Quiet(network, IsTokens ? Input(2) : Input(2).to(ScalarType.Float64)).Logits;
        }
        catch (Exception e) when (e is not ConformanceException)
        {
            throw new ConformanceException(
                $"after 'to' Float64 its Forward ends in {e.GetType().Name} ({e.Message.Split('\n')[0]}): a part is not registered, or a "
                    + "tensor of a fixed dtype is made. Parts go into fields before RegisterComponents, tensors into buffers.",
                e
            );
        }
        if (Tensors.Difference(plain, wide) is var off && !(off <= 1e-3 * (1 + plain.abs().max().item<double>())))
            throw Fail($"in Float64 it answers otherwise, by {off:G3}.");
    }

    private string Frozen()
    {
        var network = Made();
        if (network is not IFreezableNetwork freezable)
            return "it does not implement IFreezableNetwork.";
        var frozen = freezable.Freeze(ScalarType.Float32);
        var (a, b) = (Quiet(network, Input(3)), Quiet(frozen, Input(3)));
        foreach (var name in network.Shape.Taps.Select(t => t.Name).Prepend("logits"))
        {
            Tensor Of(ModelOutput output) => name == "logits" ? output.Logits : output.Feature(name);
            var off = Tensors.Difference(Of(a), Of(b));
            if (!(off <= 1e-3 * (1 + Of(a).abs().max().item<float>())))
                throw Fail($"frozen, its {name} differs by {off:G3} from the plain network's.");
        }
        return "";
    }

    private void InputsUnchanged()
    {
        var input = Input(3);
        var before = input.clone();
        Quiet(Made(), input);
        if (!Tensors.Same(before, input))
            throw Fail("Forward changes its input in place; others read the same batch.");
    }

    private void Memory()
    {
        var network = Made();
        network.Module.train();
        KeepsMemory(i => Answer(network, Input(2, (ulong)i)));
    }

    private string Parity()
    {
        if (NoCuda() is { Length: > 0 } reason)
            return reason;
        var (here, there) = (Made(), Made());
        there.Module.to(CUDA);
        var off = Tensors.Difference(Quiet(here, Input(3)).Logits, Quiet(there, Input(3).to(CUDA)).Logits);
        return off <= 1e-2 ? "" : throw Fail($"CPU and CUDA device differ by {off:G3}.");
    }
}
