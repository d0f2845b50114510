using System.Runtime.CompilerServices;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>The few facts of TorchSharp's dispose scopes that it keeps to itself.</summary>
internal static class ScopeAccess
{
    /// <summary>The scope that new tensors of this thread join, or null.</summary>
    internal static DisposeScope? Current => GetCurrent(GetThreadSingleton(null!));

    /// <summary>Whether a tensor belongs to a scope or to one that was opened inside it.</summary>
    internal static bool IsWithin(Tensor tensor, DisposeScope scope) => Chain(GetOwner(tensor)).Contains(scope);

    /// <summary>Whether a scope is open on this thread.</summary>
    internal static bool IsOpen(DisposeScope scope) => Chain(Current).Contains(scope);

    private static IEnumerable<DisposeScope> Chain(DisposeScope? innermost)
    {
        for (var scope = innermost; scope is not null; scope = GetOuter(scope))
            yield return scope;
    }

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_OwningDisposeScope")]
    private static extern DisposeScope? GetOwner(Tensor tensor);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_OuterScope")]
    private static extern DisposeScope? GetOuter(DisposeScope scope);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "get_CurrentDisposeScope")]
    private static extern DisposeScope? GetCurrent(DisposeScopeManager manager);

    [UnsafeAccessor(UnsafeAccessorKind.StaticMethod, Name = "get_ThreadSingleton")]
    private static extern DisposeScopeManager GetThreadSingleton(DisposeScopeManager type);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_Disposables")]
    internal static extern void SetDisposables(DisposeScope scope, HashSet<IDisposable> disposables);
}
