using KdPlugins.Torch.Stable;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Optim;

/// <summary>
/// Remembers whether any gradient that was shown to it was NaN or infinite: one native call for all of them, which neither
/// waits for the device nor changes a value.
/// </summary>
public sealed class GradientWatch : IDisposable
{
    // It multiplies in place, here by 1, and looks at each value on the way.
    private static readonly StableOperator Look = new("aten::_amp_foreach_non_finite_check_and_unscale_");

    private readonly Tensor _found;
    private readonly Tensor _one;

    /// <summary>Makes a watch that has seen nothing.</summary>
    /// <param name="device">Where the gradients are.</param>
    public GradientWatch(Device device)
    {
        _found = zeros(1, float32, device).DetachFromDisposeScope();
        _one = ones(1, float32, device).DetachFromDisposeScope();
    }

    /// <summary>Looks at gradients.</summary>
    /// <param name="gradients">Floating-point, on the watch's device.</param>
    /// <exception cref="KdException"><c>KDP0002</c>: they are not.</exception>
    public void See(IReadOnlyList<Tensor> gradients)
    {
        ArgumentNullException.ThrowIfNull(gradients);
        if (gradients.Count == 0)
            return;
        using var recordNothing = no_grad();
        using var scope = NewDisposeScope();
        var call = new StableCall(Look, stackalloc ulong[3]);
        call.Push(gradients.Any(IsExpanded) ? [.. gradients.Select(g => IsExpanded(g) ? g.clone() : g)] : gradients);
        call.Push(_found);
        call.Push(_one);
        call.Invoke();
    }

    // Several values in one place in memory: nothing can be written there.
    private static bool IsExpanded(Tensor gradient) => !gradient.is_contiguous() && gradient.stride().Contains(0);

    /// <summary>Whether one of all that were seen was not finite. Waits for the device.</summary>
    public bool HasFound => _found.item<float>() != 0;

    /// <inheritdoc/>
    public void Dispose()
    {
        _found.Dispose();
        _one.Dispose();
    }
}
