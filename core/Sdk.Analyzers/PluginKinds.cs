using System.Collections.Immutable;
using Microsoft.CodeAnalysis;

namespace KdPlugins.Sdk.Analyzers;

/// <summary>The attributes of the SDK, each with the contract and the base class that belong to it.</summary>
internal static class PluginKinds
{
    private static readonly ImmutableDictionary<string, (string Contract, string Base)> All = ImmutableDictionary
        .Create<string, (string, string)>()
        .Add("KdAugmentationAttribute", ("IAugmentation", "Augmentation"))
        .Add("KdLossAttribute", ("IDistillationLoss", "DistillationLoss"))
        .Add("KdGeneratorAttribute", ("IGenerator", "Generator"))
        .Add("KdStrategyAttribute", ("IDistillationStrategy", "DistillationStrategy"))
        .Add("KdModelAttribute", ("IModelPlugin", "ModelPlugin"))
        .Add("KdDatasetAttribute", ("IDatasetPlugin", "DatasetPlugin"))
        .Add("KdMeterAttribute", ("IMeter", "Meter"))
        .Add("KdToolAttribute", ("ITool", "Tool"));

    /// <summary>Contract and base class that an attribute asks for, or null.</summary>
    internal static (string Contract, string Base)? Of(AttributeData attribute) =>
        attribute.AttributeClass is { } type
        && type.ContainingNamespace.ToDisplayString() == "KdPlugins.Sdk"
        && All.TryGetValue(type.Name, out var kind)
            ? kind
            : null;

    /// <summary>The contract that a class implements, and the attribute that belongs to it; null for none.</summary>
    internal static (string Contract, string Attribute)? Of(INamedTypeSymbol type)
    {
        foreach (var kind in All)
            if (
                type.AllInterfaces.Any(i =>
                    i.Name == kind.Value.Contract && i.ContainingNamespace.ToDisplayString() == "KdPlugins.Core"
                )
            )
                return (kind.Value.Contract, kind.Key.Replace("Attribute", ""));
        return null;
    }
}
