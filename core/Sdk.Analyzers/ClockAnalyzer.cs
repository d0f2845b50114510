using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;

namespace KdPlugins.Sdk.Analyzers;

/// <summary>Reads of a clock within a step.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class ClockAnalyzer : DiagnosticAnalyzer
{
    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
        ImmutableArray.Create(Rules.Clock);

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        MemberUse.Watch(context, ForbiddenReason.Clock, (c, what) => StepCode.Report(c, Rules.Clock, what));
    }
}
