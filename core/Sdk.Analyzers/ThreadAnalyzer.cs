using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace KdPlugins.Sdk.Analyzers;

/// <summary>Work of a step that is not done when the step returns, or is done by another thread.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class ThreadAnalyzer : DiagnosticAnalyzer
{
    private static readonly string[] Starters =
    [
        "System.Threading.Tasks.Task.Run",
        "System.Threading.Tasks.TaskFactory.StartNew",
        "System.Threading.Tasks.Parallel.For",
        "System.Threading.Tasks.Parallel.ForEach",
        "System.Threading.Tasks.Parallel.ForAsync",
        "System.Threading.Tasks.Parallel.ForEachAsync",
        "System.Threading.Tasks.Parallel.Invoke",
        "System.Threading.ThreadPool.QueueUserWorkItem",
        "System.Threading.ThreadPool.UnsafeQueueUserWorkItem",
        "System.Linq.ParallelEnumerable.AsParallel",
    ];
    private static readonly string[] Made = ["System.Threading.Thread", "System.Threading.Timer"];

    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
        ImmutableArray.Create(Rules.OtherThread);

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.RegisterOperationAction(Call, OperationKind.Invocation);
        context.RegisterOperationAction(Creation, OperationKind.ObjectCreation);
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

    private static void Call(OperationAnalysisContext context)
    {
        var method = ((IInvocationOperation)context.Operation).TargetMethod;
        if (Starters.Contains($"{method.ContainingType?.ToDisplayString()}.{method.Name}"))
            Report(context, $"{method.ContainingType!.Name}.{method.Name}");
    }

    private static void Creation(OperationAnalysisContext context)
    {
        if (Made.Contains(context.Operation.Type?.ToDisplayString()))
            Report(context, $"new {context.Operation.Type!.Name}");
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

    private static void Report(OperationAnalysisContext context, string what)
    {
        if (StepCode.Is(context.Operation, context.ContainingSymbol))
            context.ReportDiagnostic(
                Diagnostic.Create(Rules.OtherThread, context.Operation.Syntax.GetLocation(), what)
            );
    }
}
