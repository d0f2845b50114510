using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

internal sealed partial class LossChecks<T>(LossSettings settings)
    : PartChecks<T, IDistillationLoss>(PluginKind.Loss, settings)
    where T : class, IDistillationLoss, new()
{
    protected override IEnumerable<ConformanceCheck> Own() =>
        [
            Check("golden values", Golden),
            Check("gradient", Gradient),
            Check("parameters", Parameters),
            Check("determinism", Determinism),
            Check("global generator", () => KeepsGlobalGenerator(() => Value(Bound(), Case(0), 0))),
            Check("inputs unchanged", InputsUnchanged),
            Check("hidden state", HiddenState),
            Check("names", () => Names(Bound().Module)),
            Check("memory", Memory),
            Check("dtypes", DTypes),
            Check("extreme values", Extremes),
            Check("wrong shapes", WrongShapes),
            Check("wrong targets", WrongTargets),
            Check("resume", Resume),
            Check("CPU and CUDA", Parity),
        ];

    private LossCase Case(long step) => (settings.Case ?? LossInputs.Random)(Key.Derive(step));

    private T Bound(LossCase? on = null, Device? device = null, ulong seed = 1)
    {
        var loss = New();
        using (RandomScope.Use(seed))
            loss.Bind(LossInputs.Binding(on ?? Case(0), device ?? CPU));
        loss.Module?.to(ScalarType.Float64);
        return loss;
    }

    private Tensor Value(T loss, LossCase on, long step, Device? device = null) =>
        Seeded(
            Key.Derive(step),
            () =>
                loss.Compute(
                    new LossContextStub(on.Student, loss.NeedsTeacher ? on.Teacher : null, on.Batch)
                    {
                        Progress = new("test", step, 100, 10),
                        Random = Key.Derive(step).Derive("loss"),
                        Device = device ?? CPU,
                        Outputs = on.Outputs,
                    }
                )
        );

    private string Golden()
    {
        foreach (var golden in settings.Golden)
        {
            var on = golden.Case();
            var got = Value(Bound(on), on, 0).item<double>();
            if (!(Math.Abs(got - golden.Expected) <= golden.Tolerance))
                throw Fail($"it gives {got:R} where {golden.Expected:R} is known, to {golden.Tolerance:R}.");
        }
        return settings.Golden.Count > 0 ? "" : "the settings give no golden values.";
    }

    private void Determinism()
    {
        var on = Case(0);
        var first = Run(Bound(), on, 0);
        // Elsewhere in time, and with the default generator elsewhere.
        Thread.Sleep(2);
        if (!settings.DrawsFromTorch)
            rand(3);
        var second = Run(Bound(), on, 0);
        if (first.FindIndex(t => !Tensors.Same(t, second[first.IndexOf(t)])) is var at and >= 0)
            throw Fail(
                $"two instances with the same key give different {(at == 0 ? "values" : "gradients")}. Everything that is drawn "
                    + "has to follow from context.Random."
            );
    }

    // The value, and the gradients by the student's tensors that have one.
    private List<Tensor> Run(T loss, LossCase on, long step)
    {
        var leaves = LossInputs.Leaves(on);
        var value = Value(loss, leaves, step);
        if (value.requires_grad)
            value.backward();
        return
        [
            value.detach(),
            .. LossInputs.Names(leaves.Student).Select(n => LossInputs.Get(leaves.Student, n).grad).OfType<Tensor>(),
        ];
    }

    private void InputsUnchanged()
    {
        var on = Case(0);
        var all = LossInputs.All(on).ToList();
        var before = all.ConvertAll(t => t.Value.clone());
        Value(Bound(), on, 0);
        for (var i = 0; i < all.Count; i++)
            if (!Tensors.Same(before[i], all[i].Value))
                throw Fail($"it changes {all[i].Name} in place; the batch and the networks' answers belong to others.");
    }

    // An instance that has worked, and a new one that got its module's state, have to go on alike.
    private void HiddenState()
    {
        var worked = Bound();
        for (var step = 0; step < 3; step++)
        {
            Run(worked, Case(step), step);
            Learn(worked.Module);
        }
        var fresh = Bound(seed: 2);
        Tensors.Restore(fresh.Module, Tensors.Copy(worked.Module));
        var (a, b) = (Run(worked, Case(3), 3), Run(fresh, Case(3), 3));
        if (a.Count != b.Count || a.Zip(b).Any(p => !Tensors.Same(p.First, p.Second)))
            throw Fail(
                "after three steps it goes on otherwise than a new instance with its module's state: something is kept in "
                    + "fields. What steps change belongs into parameters and buffers of Module."
            );
    }

    private static void Learn(nn.Module? module)
    {
        if (module is null)
            return;
        using var _ = no_grad();
        foreach (var parameter in module.parameters())
            if (parameter.grad is { } gradient)
            {
                parameter.sub_(gradient * 0.01);
                gradient.zero_();
            }
    }

    private void Memory()
    {
        var loss = Bound();
        KeepsMemory(i => Run(loss, Case(i), i));
    }

    private void DTypes()
    {
        foreach (var dtype in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16])
        {
            var loss = Bound();
            if (loss.Module is not null && dtype == ScalarType.BFloat16)
                continue;
            loss.Module?.to(dtype);
            var on = LossInputs.To(Case(0), dtype, CPU);
            foreach (var tensor in Run(loss, on, 0))
                if (!is_floating_point(tensor) || !Tensors.Finite(tensor))
                    throw Fail(
                        $"with {dtype} it gives {TensorText.Describe(tensor)}, not finite floating-point numbers."
                    );
        }
    }

    private void Extremes()
    {
        foreach (var scale in (double[])[1e4, 0])
        {
            var loss = Bound();
            loss.Module?.to(ScalarType.Float32);
            var on = LossInputs.To(LossInputs.Scaled(Case(0), scale), ScalarType.Float32, CPU);
            if (Run(loss, on, 0).Any(t => !Tensors.Finite(t)))
                throw Fail(
                    $"with logits times {scale:R} in float32, value or gradients are not finite. Take log_softmax instead of log "
                        + "of softmax, and keep square roots and quotients away from 0."
                );
        }
    }

    // Where it looks at the teacher's logits, another number of classes has to be refused by name, not broadcast.
    private string WrongShapes()
    {
        var on = Case(0);
        if (settings.TakesOtherClassCounts || on.Teacher is null || !LooksAtTeacher(on))
            return "";
        var classes = on.Student.Logits.shape[1];
        foreach (var other in (long[])[1, classes + 2])
        {
            long[] shape = [on.Teacher.Logits.shape[0], other, .. on.Teacher.Logits.shape[2..]];
            var wrong = on with { Teacher = LossInputs.With(on.Teacher, "logits", ones(shape, ScalarType.Float64)) };
            try
            {
                Value(Bound(wrong), wrong, 0);
            }
            catch (KdException)
            {
                continue;
            }
            catch (Exception e)
            {
                throw new ConformanceException(
                    $"a teacher of {other} classes for a student of {classes} ends in {e.GetType().Name}; a KdException that names "
                        + "both is expected, best from Bind.",
                    e
                );
            }
            throw Fail($"it takes a teacher of {other} classes for a student of {classes} without a word.");
        }
        return "";
    }

    private bool LooksAtTeacher(LossCase on)
    {
        var logits = on.Teacher!.Logits.detach();
        var rise = linspace(0, 1, logits.shape[1], ScalarType.Float64);
        // Classes of maps stand before the places.
        var moved = logits + (logits.dim() == 4 ? rise.view(-1, 1, 1) : rise);
        var other = on with { Teacher = LossInputs.With(on.Teacher, "logits", moved) };
        return New().NeedsTeacher && !Tensors.Same(Value(Bound(), on, 0), Value(Bound(), other, 0));
    }

    private void WrongTargets()
    {
        var on = Case(0);
        var batch = on.Batch.WithTarget(new NoTarget(on.Batch.Count));
        try
        {
            Value(Bound(), on with { Batch = batch }, 0);
        }
        catch (KdException) { }
        catch (Exception e)
        {
            throw new ConformanceException(
                $"samples without a target end in {e.GetType().Name}; read targets by TargetReader.As, which says what was there.",
                e
            );
        }
    }

    private string Resume()
    {
        if (settings.Case is not null && settings.Recipe is null)
            return "the settings give inputs of their own and no recipe to run it in.";
        var loss = $$"""[{ "id": "{{Id}}", "options": {{OptionsJson}} }]""";
        var beside = New().NeedsTeacher
            ? loss
            : loss.Replace("]", ", { \"id\": \"kit-kd\" }]", StringComparison.Ordinal);
        Resumes(settings.Recipe ?? KitParts.Recipe(losses: beside), "student-last.safetensors", 3);
        return "";
    }

    private string Parity()
    {
        if (NoCuda() is { Length: > 0 } reason)
            return reason;
        var on = LossInputs.To(Case(0), ScalarType.Float32, CPU);
        var (here, there) = (Bound(), Bound(device: CUDA));
        here.Module?.to(ScalarType.Float32);
        Tensors.Restore(there.Module, Tensors.Copy(here.Module));
        there.Module?.to(ScalarType.Float32).to(CUDA);
        var a = Value(here, on, 0).item<float>();
        var b = Value(there, LossInputs.To(on, ScalarType.Float32, CUDA), 0, CUDA).cpu().item<float>();
        return Math.Abs(a - b) <= 1e-4 * Math.Max(1, Math.Abs(a))
            ? ""
            : throw Fail($"it gives {a:R} on the CPU and {b:R} on the CUDA device.");
    }
}
