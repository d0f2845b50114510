using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

// What gradients reach, and whether they are those of the value.
internal sealed partial class LossChecks<T>
{
    // By every tensor that the student answered; a gradient that is missing counts as zero.
    private string Gradient()
    {
        if (settings.NotDifferentiable.Length > 0)
            return settings.NotDifferentiable;
        var (loss, on) = (Bound(), Case(0));
        var names = LossInputs.Names(on.Student);
        var reached = false;
        foreach (var name in names)
        {
            var at = LossInputs.Get(on.Student, name).detach();
            Tensor At(Tensor x) => Value(loss, on with { Student = LossInputs.With(on.Student, name, x) }, 0);
            var leaf = at.clone().requires_grad_(true);
            var value = At(leaf);
            if (value is null || value.NumberOfElements != 1)
                throw Fail(
                    $"it gives {(value is null ? "null" : TensorText.Describe(value))} where a scalar is expected: end with mean() or sum()."
                );
            if (value.requires_grad)
                value.backward();
            reached |= leaf.grad is { } g && g.abs().max().item<double>() > 0;
            // With a term that has a gradient of nothing, so that a missing one can be compared too.
            var error = GradientCheck.Error(x => At(x) + x.sum() * 0, at);
            var size = Math.Max(1, leaf.grad?.abs().max().item<double>() ?? 0);
            if (!(error <= settings.GradientTolerance * size))
                throw Fail(
                    $"its gradient by the student's {name} is off from central differences by {error:G3}. A gradient that is "
                        + "stopped on purpose is told by the setting NotDifferentiable."
                );
        }
        return reached
            ? ""
            : throw Fail("no gradient reaches the student: the value does not depend on it, or is detached.");
    }

    // A head that nothing depends on is saved and shown, and never learns.
    private string Parameters()
    {
        var loss = Bound();
        if (loss.Module is not { } module)
            return "it has no module.";
        if (settings.NotDifferentiable.Length > 0)
            return settings.NotDifferentiable;
        var value = Value(loss, LossInputs.Leaves(Case(0)), 0);
        if (value.requires_grad)
            value.backward();
        var own = module.named_parameters().Where(p => p.parameter.requires_grad).ToList();
        if (own.Count == 0 && !module.named_buffers().Any())
            throw Fail(
                $"its Module ({module.GetType().Name}) has neither parameters nor buffers: parts are registered by "
                    + "RegisterComponents of a class of nn.Module, after they are made."
            );
        var idle = own.Where(p => p.parameter.grad is null).Select(p => $"'{p.name}'").ToList();
        return idle.Count == 0
            ? ""
            : throw Fail(
                $"no gradient reaches its {string.Join(", ", idle.Take(4))}: the value does not depend on it. Use it in Compute, or "
                    + "leave it out of Module."
            );
    }
}
