using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace KdPlugins.Sdk.Analyzers;

/// <summary>Work of a step that is not done when the step returns, or is done by another thread.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class ThreadAnalyzer : DiagnosticAnalyzer
{
    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
        ImmutableArray.Create(Rules.OtherThread);

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        MemberUse.Watch(context, ForbiddenReason.OtherThread, (c, what) => StepCode.Report(c, Rules.OtherThread, what));
        context.RegisterOperationAction(
            c => Async(c, ((IAnonymousFunctionOperation)c.Operation).Symbol, "this function"),
            OperationKind.AnonymousFunction
        );
        context.RegisterOperationAction(
            c => Async(c, ((ILocalFunctionOperation)c.Operation).Symbol),
            OperationKind.LocalFunction
        );
        context.RegisterOperationAction(Body, OperationKind.MethodBody);
    }

    private static void Body(OperationAnalysisContext context)
    {
        if (context.ContainingSymbol is IMethodSymbol method)
            Async(context, method);
    }

    // An async function without a result is nobody's to wait for, wherever it stands.
    private static void Async(OperationAnalysisContext context, IMethodSymbol method, string? name = null)
    {
        if (method.IsAsync && (method.ReturnsVoid || StepCode.Is(context.Operation, context.ContainingSymbol)))
            context.ReportDiagnostic(
                Diagnostic.Create(
                    Rules.OtherThread,
                    name is null ? method.Locations[0] : context.Operation.Syntax.GetLocation(),
                    $"async {(method.ReturnsVoid ? "void, " : "")}{name ?? $"'{method.Name}'"}"
                )
            );
    }
}
