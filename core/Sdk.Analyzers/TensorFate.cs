using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace KdPlugins.Sdk.Analyzers;

/// <summary>What becomes of a tensor that an expression gives.</summary>
internal enum Fate
{
    /// <summary>Somebody keeps it: it is returned, collected, put into an element or handed to what may keep it.</summary>
    Kept,

    /// <summary>It takes the place of another one in a variable from outside of the turn.</summary>
    Replaces,

    /// <summary>It goes into a variable of the turn.</summary>
    Local,

    /// <summary>Another tensor is computed from it.</summary>
    Computed,

    /// <summary>Nothing but a number or a text is left of it.</summary>
    Read,

    /// <summary>Nobody looks at it.</summary>
    Dropped,
}

/// <summary>Follows the values of tensors through one turn of a loop.</summary>
internal static class TensorFates
{
    private static readonly string[] Keepers =
    [
        "Add",
        "AddRange",
        "TryAdd",
        "Append",
        "Enqueue",
        "Push",
        "Insert",
        "Report",
        "Dispose",
        "MoveToOuterDisposeScope",
        "MoveToOtherDisposeScope",
        "DetachFromDisposeScope",
        "Keep",
        "KeepOnly",
    ];

    /// <summary>Whether an operation makes a tensor that nobody else holds.</summary>
    internal static bool Makes(IOperation operation) =>
        TorchTypes.IsTensor(operation.Type)
        && operation switch
        {
            IInvocationOperation call => TorchTypes.IsTorchSharp(call.TargetMethod)
                && !call.TargetMethod.Name.EndsWith("_", StringComparison.Ordinal)
                && !Keepers.Contains(call.TargetMethod.Name)
                || TorchTypes.IsModule(call.TargetMethod.ContainingType),
            IBinaryOperation or IUnaryOperation or ICompoundAssignmentOperation => true,
            IPropertyReferenceOperation { Property.IsIndexer: true } indexed => TorchTypes.IsTensor(
                indexed.Instance?.Type
            ) && !(indexed.Parent is IAssignmentOperation assignment && assignment.Target == indexed),
            IImplicitIndexerReferenceOperation indexed => TorchTypes.IsTensor(indexed.Instance.Type),
            _ => false,
        };

    /// <summary>The fate of a value, with the variable of the turn that holds it.</summary>
    internal static (Fate Fate, ILocalSymbol? Local) Of(IOperation value, IOperation turn)
    {
        if (value is ICompoundAssignmentOperation)
            return (Fate.Replaces, null);
        var (inner, outer) = (value, value.Parent);
        while (
            outer
                is IConversionOperation
                    or IParenthesizedOperation
                    or ICoalesceOperation
                    or IVariableInitializerOperation
                    or ISwitchExpressionArmOperation
                    or ISwitchExpressionOperation
            || outer is IConditionalOperation conditional
                && conditional.Condition != inner
                && conditional.Type is not null
            || outer is IArgumentOperation
        )
            (inner, outer) = (outer, outer.Parent);
        return outer switch
        {
            IVariableDeclaratorOperation declarator => (Fate.Local, declarator.Symbol),
            ISimpleAssignmentOperation { Target: IDiscardOperation } => (Fate.Dropped, null),
            ISimpleAssignmentOperation assignment when assignment.Value == inner => Assigned(assignment.Target, turn),
            ICompoundAssignmentOperation => (Fate.Computed, null),
            IBinaryOperation or IUnaryOperation => (Fate.Computed, null),
            IMemberReferenceOperation member => (TorchTypes.IsTensor(member.Type) ? Fate.Computed : Fate.Read, null),
            IImplicitIndexerReferenceOperation => (Fate.Computed, null),
            IInterpolationOperation => (Fate.Read, null),
            IExpressionStatementOperation => (Fate.Dropped, null),
            IInvocationOperation call => (Handed(call, inner), null),
            _ => (Fate.Kept, null),
        };
    }

    /// <summary>Whether a tensor that stays is computed from the one that a variable of the turn holds.</summary>
    internal static bool Feeds(ILocalSymbol local, IOperation turn) => Feeds(local, turn, []);

    private static bool Feeds(ILocalSymbol local, IOperation turn, HashSet<string> seen) =>
        seen.Add(local.Name) && Uses(local, turn).Any(r => Feeds(r, turn, seen));

    private static bool Feeds(IOperation value, IOperation turn, HashSet<string> seen)
    {
        var (fate, local) = Of(value, turn);
        if (fate is Fate.Local)
            return local is not null && (IsKept(local, turn) || Feeds(local, turn, seen));
        if (fate is not Fate.Computed)
            return fate is Fate.Kept or Fate.Replaces;
        for (var at = value.Parent; at is not null && at != turn; at = at.Parent)
            if (Makes(at))
                return Feeds(at, turn, seen);
        return false;
    }

    /// <summary>Whether any use of a variable of the turn keeps the tensor that it holds.</summary>
    internal static bool IsKept(ILocalSymbol local, IOperation turn) =>
        Uses(local, turn)
            .Any(r =>
                IsCaptured(r, turn)
                || Of(r, turn) is { Fate: Fate.Kept or Fate.Replaces } or { Fate: Fate.Local, Local: not null }
            );

    private static IEnumerable<ILocalReferenceOperation> Uses(ILocalSymbol local, IOperation turn) =>
        turn.DescendantsAndSelf()
            .OfType<ILocalReferenceOperation>()
            .Where(r => SymbolEqualityComparer.Default.Equals(r.Local, local) && !IsTarget(r));

    private static bool IsTarget(ILocalReferenceOperation reference) =>
        reference.Parent is IAssignmentOperation assignment && assignment.Target == reference;

    private static bool IsCaptured(IOperation reference, IOperation turn)
    {
        for (var at = reference.Parent; at is not null && at != turn; at = at.Parent)
            if (at is IAnonymousFunctionOperation or ILocalFunctionOperation)
                return true;
        return false;
    }

    private static (Fate, ILocalSymbol?) Assigned(IOperation target, IOperation turn) =>
        target switch
        {
            ILocalReferenceOperation local when IsOf(local.Local, turn) => (Fate.Local, local.Local),
            ILocalReferenceOperation or IParameterReferenceOperation => (Fate.Replaces, null),
            _ => (Fate.Kept, null),
        };

    private static bool IsOf(ILocalSymbol local, IOperation turn) =>
        local.DeclaringSyntaxReferences.Any(r =>
            r.SyntaxTree == turn.Syntax.SyntaxTree && turn.Syntax.Span.Contains(r.Span)
        );

    private static Fate Handed(IInvocationOperation call, IOperation value)
    {
        var method = call.TargetMethod;
        if (Keepers.Contains(method.Name))
            return Fate.Kept;
        if (TorchTypes.IsTensor(method.ReturnType))
            return
                TorchTypes.IsTorchSharp(method) || TorchTypes.IsModule(method.ContainingType) || value == call.Instance
                ? Fate.Computed
                : Fate.Kept;
        if (value == call.Instance || TorchTypes.IsTorchSharp(method))
            return method.ReturnType.SpecialType != SpecialType.None ? Fate.Read : Fate.Kept;
        return method.ContainingType?.ToDisplayString() == "System.Console" ? Fate.Read : Fate.Kept;
    }
}
