using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace KdPlugins.Sdk.Analyzers;

/// <summary>Reads of a clock within a step.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class ClockAnalyzer : DiagnosticAnalyzer
{
    private static readonly string[] Clocks =
    [
        "System.DateTime.Now",
        "System.DateTime.UtcNow",
        "System.DateTime.Today",
        "System.DateTimeOffset.Now",
        "System.DateTimeOffset.UtcNow",
        "System.Environment.TickCount",
        "System.Environment.TickCount64",
        "System.Diagnostics.Stopwatch.GetTimestamp",
        "System.Diagnostics.Stopwatch.StartNew",
        "System.TimeProvider.System",
    ];

    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
        ImmutableArray.Create(Rules.Clock);

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.RegisterOperationAction(
            c => Look(c, ((IInvocationOperation)c.Operation).TargetMethod),
            OperationKind.Invocation
        );
        context.RegisterOperationAction(
            c => Look(c, ((IPropertyReferenceOperation)c.Operation).Property),
            OperationKind.PropertyReference
        );
        context.RegisterOperationAction(Creation, OperationKind.ObjectCreation);
    }

    private static void Look(OperationAnalysisContext context, ISymbol member)
    {
        if (Clocks.Contains($"{member.ContainingType?.ToDisplayString()}.{member.Name}"))
            Report(context, $"{member.ContainingType!.Name}.{member.Name}");
    }

    private static void Creation(OperationAnalysisContext context)
    {
        if (context.Operation.Type?.ToDisplayString() == "System.Diagnostics.Stopwatch")
            Report(context, "Stopwatch");
    }

    private static void Report(OperationAnalysisContext context, string what)
    {
        if (StepCode.Is(context.Operation, context.ContainingSymbol))
            context.ReportDiagnostic(Diagnostic.Create(Rules.Clock, context.Operation.Syntax.GetLocation(), what));
    }
}
