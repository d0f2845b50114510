using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace KdPlugins.Sdk.Analyzers;

/// <summary>
/// Tensors that every turn of a loop makes and leaves behind: in a variable of its own, as intermediates of an expression, as
/// the former value of a variable from outside. What goes into a collection, an element or a result is meant to stay. Where a
/// loop goes over the elements of a collection, intermediates of what stays are few and left alone.
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
        context.RegisterOperationAction(
            Expression,
            OperationKind.Invocation,
            OperationKind.Binary,
            OperationKind.Unary,
            OperationKind.CompoundAssignment,
            OperationKind.PropertyReference,
            OperationKind.ImplicitIndexerReference
        );
    }

    // var y = ... of a turn; told by its name.
    private static void Declaration(OperationAnalysisContext context)
    {
        var variable = (IVariableDeclaratorOperation)context.Operation;
        var value =
            variable.Initializer?.Value ?? (variable.Parent as IVariableDeclarationOperation)?.Initializer?.Value;
        if (
            TorchTypes.IsTensor(variable.Symbol.Type)
            && value is not null
            && (value is IInvocationOperation || TensorFates.Makes(value))
            && LoopTurn.Of(variable) is { } turn
            && !Stays(variable.Symbol, turn)
        )
            Report(context, variable.Syntax, $"'{variable.Symbol.Name}'");
    }

    // The outermost tensor of an expression tells for those that it is computed from.
    private static void Expression(OperationAnalysisContext context)
    {
        var made = context.Operation;
        if (!TensorFates.Makes(made) || LoopTurn.Of(made) is not { } turn)
            return;
        var (fate, local) = TensorFates.Of(made, turn.Body);
        var isTold = fate switch
        {
            Fate.Dropped or Fate.Read => true,
            Fate.Replaces => turn.IsLong,
            Fate.Kept => turn.IsLong && HasIntermediates(made),
            Fate.Local when IsInitialiser(made, local!) => turn.IsLong
                && HasIntermediates(made)
                && TensorFates.IsKept(local!, turn.Body),
            Fate.Local => turn.IsLong || !Stays(local!, turn),
            _ => false,
        };
        if (isTold)
            Report(context, made.Syntax, $"'{Short(made.Syntax.ToString())}'");
    }

    // In a short loop, what something that stays is computed from may as well.
    private static bool Stays(ILocalSymbol local, LoopTurn turn) =>
        TensorFates.IsKept(local, turn.Body) || !turn.IsLong && TensorFates.Feeds(local, turn.Body);

    private static bool IsInitialiser(IOperation made, ILocalSymbol local)
    {
        for (var at = made.Parent; at is not null; at = at.Parent)
            if (at is IVariableDeclaratorOperation declarator)
                return SymbolEqualityComparer.Default.Equals(declarator.Symbol, local);
            else if (at is IBlockOperation)
                return false;
        return false;
    }

    private static bool HasIntermediates(IOperation made) => made.Descendants().Any(TensorFates.Makes);

    private static string Short(string text)
    {
        text = string.Join(" ", text.Split((char[])[' ', '\n', '\r', '\t'], StringSplitOptions.RemoveEmptyEntries));
        return text.Length <= 60 ? text : text.Substring(0, 57) + "...";
    }

    private static void Report(OperationAnalysisContext context, SyntaxNode where, string what) =>
        context.ReportDiagnostic(Diagnostic.Create(Rules.LoopTensor, where.GetLocation(), what));
}
