using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace KdPlugins.Sdk.Analyzers;

/// <summary>Uses of forbidden members.</summary>
internal static class MemberUse
{
    /// <summary>Calls back for every call, property and construction that is forbidden for a reason, with its short name.</summary>
    internal static void Watch(
        AnalysisContext context,
        ForbiddenReason reason,
        Action<OperationAnalysisContext, string> found
    )
    {
        void Look(OperationAnalysisContext c, ISymbol? member)
        {
            if (!IsForbidden(member, reason))
                return;
            var type = member!.ContainingType.Name;
            found(c, c.Operation is IObjectCreationOperation ? $"new {type}" : $"{type}.{member.Name}");
        }

        context.RegisterOperationAction(
            c => Look(c, ((IInvocationOperation)c.Operation).TargetMethod),
            OperationKind.Invocation
        );
        context.RegisterOperationAction(
            c => Look(c, ((IPropertyReferenceOperation)c.Operation).Property),
            OperationKind.PropertyReference
        );
        context.RegisterOperationAction(
            c => Look(c, ((IObjectCreationOperation)c.Operation).Constructor),
            OperationKind.ObjectCreation
        );
    }

    /// <summary>Whether a member is forbidden for a reason.</summary>
    internal static bool IsForbidden(ISymbol? member, ForbiddenReason reason) =>
        member?.ContainingType is { } type && ForbiddenMembers.Of(FullName(type), member.Name) == reason;

    // As metadata have it.
    private static string FullName(INamedTypeSymbol type) =>
        type.ContainingType is { } outer
            ? $"{FullName(outer)}+{type.MetadataName}"
            : $"{type.ContainingNamespace.ToDisplayString()}.{type.MetadataName}";
}
