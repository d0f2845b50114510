using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace KdPlugins.Sdk.Analyzers;

/// <summary>Draws that do not follow from the run's random streams.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class RandomnessAnalyzer : DiagnosticAnalyzer
{
    // Draws that cannot be given a generator.
    private static readonly string[] Like = ["rand_like", "randn_like", "randint_like"];

    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
        ImmutableArray.Create(Rules.AmbientRandom);

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.RegisterOperationAction(Call, OperationKind.Invocation);
        MemberUse.Watch(context, ForbiddenReason.Random, Report);
    }

    // Initial weights, and what networks draw in a step, come from the default generators: the engine seeds those.
    // TorchSharp's draws take an optional generator; what has none to take (dropout) is seeded by the engine.
    private static void Call(OperationAnalysisContext context)
    {
        var call = (IInvocationOperation)context.Operation;
        if (
            call.TargetMethod.ContainingType.Name == "init"
            || TorchTypes.IsModule(context.ContainingSymbol.ContainingType)
        )
            return;
        var generator = call.Arguments.FirstOrDefault(a =>
            a.Parameter?.Type.Name == "Generator" && a.Parameter.Type.ContainingType?.Name == "torch"
        );
        if (generator is null)
        {
            if (Like.Contains(call.TargetMethod.Name) && call.TargetMethod.ContainingType.Name == "torch")
                Report(context, call.TargetMethod.Name);
            return;
        }
        var value = generator.Value is IConversionOperation conversion ? conversion.Operand : generator.Value;
        if (
            generator.ArgumentKind == ArgumentKind.DefaultValue
            || value.ConstantValue is { HasValue: true, Value: null }
        )
            Report(context, call.TargetMethod.Name);
    }

    private static void Report(OperationAnalysisContext context, string what) =>
        context.ReportDiagnostic(Diagnostic.Create(Rules.AmbientRandom, context.Operation.Syntax.GetLocation(), what));
}
