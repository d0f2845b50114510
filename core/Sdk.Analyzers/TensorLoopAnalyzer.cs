using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace KdPlugins.Sdk.Analyzers;

/// <summary>
/// Tensors that a turn of a loop makes, keeps in a variable of its own and leaves behind. What goes into a variable or a
/// collection from outside of the loop is meant to stay, and is left alone.
/// </summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class TensorLoopAnalyzer : DiagnosticAnalyzer
{
    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
        ImmutableArray.Create(Rules.LoopTensor);

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.RegisterOperationAction(Declaration, OperationKind.VariableDeclarator);
    }

    private static void Declaration(OperationAnalysisContext context)
    {
        var variable = (IVariableDeclaratorOperation)context.Operation;
        var value =
            variable.Initializer?.Value ?? (variable.Parent as IVariableDeclarationOperation)?.Initializer?.Value;
        if (!IsTensor(variable.Symbol.Type) || value is null || !Makes(value))
            return;
        for (
            IOperation? inner = variable, outer = variable.Parent;
            outer is not null;
            inner = outer, outer = outer.Parent
        )
        {
            if (
                outer
                is IUsingDeclarationOperation
                    or IUsingOperation
                    or IAnonymousFunctionOperation
                    or ILocalFunctionOperation
            )
                return;
            if (outer is IBlockOperation block && OpensScope(block))
                return;
            if (outer is ILoopOperation loop && loop.Body == inner)
            {
                if (!Escapes(variable.Symbol, loop))
                    context.ReportDiagnostic(
                        Diagnostic.Create(Rules.LoopTensor, variable.Syntax.GetLocation(), variable.Symbol.Name)
                    );
                return;
            }
        }
    }

    private static bool IsTensor(ITypeSymbol? type) => type?.Name == "Tensor" && type.ContainingType?.Name == "torch";

    // A call or an operator; not what is only looked up.
    private static bool Makes(IOperation value) =>
        value is IInvocationOperation or IBinaryOperation or IUnaryOperation
        || value is IPropertyReferenceOperation { Property.IsIndexer: true } indexed
            && IsTensor(indexed.Instance?.Type);

    private static bool OpensScope(IBlockOperation block) =>
        block
            .Operations.OfType<IUsingDeclarationOperation>()
            .Any(u =>
                u.DeclarationGroup.Declarations.SelectMany(d => d.Declarators)
                    .Any(d => d.Symbol.Type.Name is "DisposeScope" or "StepScope")
            );

    // Handed to something outside of the turn: a variable, a member, an element, a collection, an argument that is kept,
    // or what the method gives.
    private static bool Escapes(ILocalSymbol symbol, ILoopOperation loop) =>
        loop
            .Body.Descendants()
            .OfType<ILocalReferenceOperation>()
            .Where(r => SymbolEqualityComparer.Default.Equals(r.Local, symbol))
            .Any(IsKept);

    private static bool IsKept(IOperation reference)
    {
        for (var at = reference.Parent; at is not null and not IBlockOperation; at = at.Parent)
            switch (at)
            {
                case IAssignmentOperation or IReturnOperation or IArrayInitializerOperation or ITupleOperation:
                case IObjectCreationOperation or IAnonymousFunctionOperation:
                    return true;
                case IInvocationOperation
                {
                    TargetMethod.Name: "Add" or "Append" or "Enqueue" or "Push" or "Report" or "Dispose"
                }:
                    return true;
            }
        return false;
    }
}
