using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace KdPlugins.Sdk.Analyzers;

/// <summary>
/// Code that the engine runs within a step: the methods of strategies, losses, augmentations and generators, and whatever is
/// handed the context of a step.
/// </summary>
internal static class StepCode
{
    private static readonly string[] Contracts =
    [
        "IDistillationStrategy",
        "IDistillationLoss",
        "IAugmentation",
        "IGenerator",
    ];
    private static readonly string[] Contexts = ["IStepContext", "ILossContext", "IPartContext"];

    /// <summary>Whether an operation within a member is such code.</summary>
    internal static bool Is(IOperation operation, ISymbol member)
    {
        for (var type = member.ContainingType; type is not null; type = type.ContainingType)
            if (type.AllInterfaces.Any(i => Contracts.Contains(i.Name) && IsCore(i)))
                return true;
        if (member is IMethodSymbol method && TakesContext(method))
            return true;
        for (var at = operation; at is not null; at = at.Parent)
            if (
                at is IAnonymousFunctionOperation lambda && TakesContext(lambda.Symbol)
                || at is ILocalFunctionOperation local && TakesContext(local.Symbol)
            )
                return true;
        return false;
    }

    /// <summary>Reports the operation where it is such code.</summary>
    internal static void Report(OperationAnalysisContext context, DiagnosticDescriptor rule, string what)
    {
        if (Is(context.Operation, context.ContainingSymbol))
            context.ReportDiagnostic(Diagnostic.Create(rule, context.Operation.Syntax.GetLocation(), what));
    }

    private static bool TakesContext(IMethodSymbol method) =>
        method.Parameters.Any(p => Contexts.Contains(p.Type.Name) && IsCore(p.Type));

    private static bool IsCore(ITypeSymbol type) => type.ContainingNamespace.ToDisplayString() == "KdPlugins.Core";
}
