using KdPlugins.Torch.Native;
using KdPlugins.Torch.Stable;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Optim;

/// <summary>
/// Autograd counts changes in place, and refuses to go backward through a value that has changed since. The fused
/// kernels do not count theirs, so a step between forward and backward would give wrong gradients without a word.
/// </summary>
internal static unsafe class AutogradVersion
{
    /// <summary>Counts a change of each tensor; does nothing where libtorch lacks the function.</summary>
    internal static void Bump(IReadOnlyList<Tensor> tensors)
    {
        var bump = (delegate* unmanaged<nint, void>)MangledSymbols.BumpVersion.RawAddress;
        if (bump is null)
            return;
        for (var i = 0; i < tensors.Count; i++)
            bump(tensors[i].Handle);
    }
}
