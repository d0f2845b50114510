using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace KdPlugins.Sdk.Analyzers;

/// <summary>What is done again and again: the body of a loop, or a function that LINQ calls for every element.</summary>
internal sealed class LoopTurn(IOperation body, bool isLong)
{
    /// <summary>What a turn does.</summary>
    internal IOperation Body => body;

    /// <summary>Whether the number of turns is not that of a collection's elements, nor a small constant.</summary>
    internal bool IsLong => isLong;

    // So many turns of small intermediates do no harm.
    private const long Few = 16;
    private static readonly string[] Lengths = ["Count", "Length", "LongLength", "Rank"];
    private static readonly string[] Scopes = ["DisposeScope", "StepScope"];

    /// <summary>The innermost turn that an operation is part of; null for none, or where a scope of the turn frees it.</summary>
    internal static LoopTurn? Of(IOperation operation)
    {
        for (
            IOperation inner = operation, outer = operation.Parent!;
            outer is not null;
            inner = outer, outer = outer.Parent!
        )
            switch (outer)
            {
                case IUsingDeclarationOperation or IUsingOperation when IsResource(outer, inner):
                    return null;
                case IUsingOperation { Resources: var resources } when OpensScope(resources):
                    return null;
                case IBlockOperation block
                    when block.Operations.OfType<IUsingDeclarationOperation>().Any(u => OpensScope(u.DeclarationGroup)):
                    return null;
                case ILoopOperation loop when loop.Body == inner:
                    return new(loop.Body, IsLongLoop(loop));
                case ILocalFunctionOperation:
                    return null;
                case IAnonymousFunctionOperation lambda:
                    return Each(lambda) is { } call ? new(lambda.Body, IsLongSequence(call)) : null;
            }
        return null;
    }

    private static bool IsResource(IOperation outer, IOperation inner) =>
        outer is IUsingDeclarationOperation || outer is IUsingOperation statement && statement.Resources == inner;

    private static bool OpensScope(IOperation resources) =>
        resources.Type is { } type && Scopes.Contains(type.Name)
        || resources
            .DescendantsAndSelf()
            .OfType<IVariableDeclaratorOperation>()
            .Any(d => Scopes.Contains(d.Symbol.Type.Name));

    // The call of LINQ, or of List.ForEach, that a function is handed to.
    private static IInvocationOperation? Each(IAnonymousFunctionOperation lambda)
    {
        var at = lambda.Parent;
        while (at is IDelegateCreationOperation or IConversionOperation or IArgumentOperation)
            at = at.Parent;
        return
            at is IInvocationOperation call
            && (
                call.TargetMethod.ContainingType?.ToDisplayString() is "System.Linq.Enumerable" or "System.Array"
                || call.TargetMethod is { Name: "ForEach", ContainingType.Name: "List" }
            )
            ? call
            : null;
    }

    // Enumerable.Range(0, many).Where(...).Sum(...), by whatever stands at its beginning.
    private static bool IsLongSequence(IInvocationOperation call)
    {
        IOperation? at = call;
        while (at is IInvocationOperation { TargetMethod: var method } inner)
        {
            if (method is { Name: "Range" or "Repeat", ContainingType.Name: "Enumerable" })
                return IsMany(inner.Arguments[1].Value);
            at = inner.Instance ?? inner.Arguments.FirstOrDefault()?.Value;
            while (at is IConversionOperation conversion)
                at = conversion.Operand;
        }
        return false;
    }

    private static bool IsLongLoop(ILoopOperation loop) =>
        loop switch
        {
            IForLoopOperation { Condition: IBinaryOperation condition } => IsMany(condition.RightOperand)
                && IsMany(condition.LeftOperand),
            IForEachLoopOperation each => Unconverted(each.Collection) is IInvocationOperation call
                && IsLongSequence(call),
            _ => true,
        };

    // A counter is neither a constant nor a length.
    private static bool IsMany(IOperation bound)
    {
        bound = Unconverted(bound);
        if (bound.ConstantValue is { HasValue: true, Value: { } value })
            return Convert.ToDouble(value) > Few;
        return bound switch
        {
            IBinaryOperation sum => IsMany(sum.LeftOperand) && IsMany(sum.RightOperand),
            IPropertyReferenceOperation property => !Lengths.Contains(property.Property.Name),
            IInvocationOperation call => call.TargetMethod.Name != "Count",
            _ => true,
        };
    }

    private static IOperation Unconverted(IOperation operation) =>
        operation is IConversionOperation conversion ? Unconverted(conversion.Operand) : operation;
}
