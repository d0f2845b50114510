using Microsoft.CodeAnalysis;

namespace KdPlugins.Sdk.Analyzers;

/// <summary>What TorchSharp's types are called.</summary>
internal static class TorchTypes
{
    /// <summary><c>torch.Tensor</c> or a class of it.</summary>
    internal static bool IsTensor(ITypeSymbol? type)
    {
        for (var at = type; at is not null; at = at.BaseType)
            if (at.Name == "Tensor" && at.ContainingType?.Name == "torch")
                return true;
        return false;
    }

    /// <summary><c>nn.Module</c> or a class of it.</summary>
    internal static bool IsModule(ITypeSymbol? type)
    {
        for (var at = type; at is not null; at = at.BaseType)
            if (at.Name == "Module" && at.ContainingType?.Name == "nn")
                return true;
        return false;
    }

    /// <summary>Whether TorchSharp declares it.</summary>
    internal static bool IsTorchSharp(ISymbol symbol) =>
        symbol.ContainingNamespace?.ToDisplayString().StartsWith("TorchSharp", StringComparison.Ordinal) == true;
}
