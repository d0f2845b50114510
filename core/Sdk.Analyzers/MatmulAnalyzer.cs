using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace KdPlugins.Sdk.Analyzers;

/// <summary>Functions of TorchSharp whose native half catches nothing: a shape that does not fit ends the process.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class MatmulAnalyzer : DiagnosticAnalyzer
{
    private static readonly string[] Transposes = ["t", "transpose", "mT", "T", "mH", "H"];

    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
        ImmutableArray.Create(Rules.Unguarded);

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.RegisterOperationAction(Call, OperationKind.Invocation);
    }

    private static void Call(OperationAnalysisContext context)
    {
        var call = (IInvocationOperation)context.Operation;
        var method = call.TargetMethod;
        if (!MemberUse.IsForbidden(method, ForbiddenReason.Unguarded) || IsWithItself(call))
            return;
        context.ReportDiagnostic(Diagnostic.Create(Rules.Unguarded, call.Syntax.GetLocation(), method.Name));
    }

    // x.matmul(x.t()) fits whatever x is.
    private static bool IsWithItself(IInvocationOperation call)
    {
        if (call.TargetMethod.Name != "matmul")
            return false;
        IOperation?[] both = [call.Instance, .. call.Arguments.Select(a => a.Value)];
        var (left, right) = (both.Where(o => o is not null).First()!, both.Last()!);
        return Variable(left) is { } variable
            && right switch
            {
                IInvocationOperation turned => Transposes.Contains(turned.TargetMethod.Name)
                    && Same(variable, turned.Instance),
                IPropertyReferenceOperation turned => Transposes.Contains(turned.Property.Name)
                    && Same(variable, turned.Instance),
                _ => false,
            };
    }

    private static bool Same(ISymbol variable, IOperation? other) =>
        SymbolEqualityComparer.Default.Equals(variable, Variable(other));

    private static ISymbol? Variable(IOperation? operation) =>
        operation switch
        {
            ILocalReferenceOperation local => local.Local,
            IParameterReferenceOperation parameter => parameter.Parameter,
            _ => null,
        };
}
