using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace KdPlugins.Sdk.Analyzers;

/// <summary>
/// A module in a field, or in a property with one, that a container of the same class holds as well, where the class
/// registers its fields.
/// </summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class ModuleNameAnalyzer : DiagnosticAnalyzer
{
    private static readonly string[] Containers = ["Sequential", "ModuleList", "ModuleDict"];
    private static readonly string[] Additions = ["append", "add_module", "register_module", "Add", "Insert", "insert"];

    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
        ImmutableArray.Create(Rules.TwoNames);

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.RegisterSymbolStartAction(Class, SymbolKind.NamedType);
    }

    private static void Class(SymbolStartAnalysisContext context)
    {
        var type = (INamedTypeSymbol)context.Symbol;
        if (!TorchTypes.IsModule(type))
            return;
        var found = new Findings();
        context.RegisterOperationAction(c => Call((IInvocationOperation)c.Operation, found), OperationKind.Invocation);
        context.RegisterOperationAction(
            c => Reference(c.Operation, type, found),
            OperationKind.FieldReference,
            OperationKind.PropertyReference,
            OperationKind.LocalReference
        );
        context.RegisterOperationAction(
            c => Assignment((ISimpleAssignmentOperation)c.Operation, type, found),
            OperationKind.SimpleAssignment
        );
        context.RegisterSymbolEndAction(c => found.Report(c.ReportDiagnostic));
    }

    private static void Call(IInvocationOperation call, Findings found)
    {
        if (call.TargetMethod.Name == "RegisterComponents")
            found.Registers();
    }

    private static void Reference(IOperation reference, INamedTypeSymbol type, Findings found)
    {
        if (!GoesIntoContainer(reference))
            return;
        if (reference is ILocalReferenceOperation local)
            found.Held(local.Local);
        else if (Member(reference, type) is { } member)
            found.Twice(member, reference);
    }

    // field = local, field = field, field = container[0].
    private static void Assignment(ISimpleAssignmentOperation assignment, INamedTypeSymbol type, Findings found)
    {
        if (Member(assignment.Target, type) is not { } member)
            return;
        var value = assignment.Value is IConversionOperation conversion ? conversion.Operand : assignment.Value;
        if (value is ILocalReferenceOperation local)
            found.Kept(local.Local, member, assignment);
        else if (
            Member(value, type) is not null
            || value is IPropertyReferenceOperation { Property.IsIndexer: true, Instance: { } instance }
                && Member(instance, type) is not null
        )
            found.Twice(member, assignment);
    }

    // Up from a value through tuples, arrays, conversions and assignments to the call that takes it.
    private static bool GoesIntoContainer(IOperation reference)
    {
        for (
            IOperation inner = reference, outer = reference.Parent!;
            outer is not null;
            inner = outer, outer = outer.Parent!
        )
            switch (outer)
            {
                case IInvocationOperation call:
                    if (call.Instance == inner)
                        return false;
                    if (Adds(call.TargetMethod))
                        return true;
                    break;
                case IObjectCreationOperation made:
                    if (Containers.Contains(made.Type?.Name))
                        return true;
                    break;
                case IMemberReferenceOperation or IBlockOperation or IAnonymousFunctionOperation:
                case ISimpleAssignmentOperation assignment when assignment.Target != inner && inner == reference:
                    return false;
            }
        return false;
    }

    private static bool Adds(IMethodSymbol method) =>
        Containers.Contains(method.Name) && method.ContainingType.Name == "nn"
        || Additions.Contains(method.Name) && TorchTypes.IsModule(method.ContainingType);

    // A field of this object, or a property that has one behind it, of a module's type.
    private static ISymbol? Member(IOperation reference, INamedTypeSymbol type) =>
        reference
            is IMemberReferenceOperation
            {
                Instance: IInstanceReferenceOperation,
                Member: IFieldSymbol { IsStatic: false } or IPropertySymbol { IsStatic: false },
            } member
        && TorchTypes.IsModule(member.Type)
        && (
            member.Member is IFieldSymbol
            || type.GetMembers()
                .OfType<IFieldSymbol>()
                .Any(f => SymbolEqualityComparer.Default.Equals(f.AssociatedSymbol, member.Member))
        )
            ? member.Member
            : null;

    /// <summary>What is known of a class; its operations are looked at in any order, by several threads.</summary>
    private sealed class Findings
    {
        private readonly HashSet<ISymbol> _held = new(SymbolEqualityComparer.Default);
        private readonly List<(ISymbol Local, ISymbol Member, IOperation Where)> _kept = [];
        private readonly Dictionary<ISymbol, IOperation> _twice = new(SymbolEqualityComparer.Default);
        private bool _registers;

        internal void Registers()
        {
            lock (_kept)
                _registers = true;
        }

        internal void Held(ISymbol local)
        {
            lock (_kept)
                _held.Add(local);
        }

        internal void Kept(ISymbol local, ISymbol member, IOperation where)
        {
            lock (_kept)
                _kept.Add((local, member, where));
        }

        internal void Twice(ISymbol member, IOperation where)
        {
            lock (_kept)
                if (!_twice.ContainsKey(member))
                    _twice[member] = where;
        }

        internal void Report(Action<Diagnostic> report)
        {
            if (!_registers)
                return;
            foreach (var (local, member, where) in _kept)
                if (_held.Contains(local))
                    Twice(member, where);
            foreach (var entry in _twice)
                report(Diagnostic.Create(Rules.TwoNames, entry.Value.Syntax.GetLocation(), entry.Key.Name));
        }
    }
}
