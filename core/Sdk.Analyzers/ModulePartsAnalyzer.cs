using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace KdPlugins.Sdk.Analyzers;

/// <summary>Modules that TorchSharp cannot move or convert, and parts that it never registers.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class ModulePartsAnalyzer : DiagnosticAnalyzer
{
    private static readonly string[] Containers = ["ModuleList", "ModuleDict"];
    private static readonly string[] Additions = ["append", "Add", "Insert", "extend"];

    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
        ImmutableArray.Create(Rules.BrokenParts);

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.RegisterOperationAction(
            c => Made(c, ((IObjectCreationOperation)c.Operation).Type),
            OperationKind.ObjectCreation
        );
        context.RegisterOperationAction(Call, OperationKind.Invocation);
        context.RegisterSymbolAction(Class, SymbolKind.NamedType);
        context.RegisterSymbolAction(Field, SymbolKind.Field);
    }

    private static void Made(OperationAnalysisContext context, ITypeSymbol? type)
    {
        if (type is { Name: "ModuleDict" } && TorchTypes.IsTorchSharp(type))
            Report(
                context.ReportDiagnostic,
                context.Operation.Syntax.GetLocation(),
                "a ModuleDict has two indexers, and 'to' of a module whose properties share a name throws ('An item with the "
                    + "same key has already been added'). Hold the parts in a ModuleList, a Sequential of named parts, or fields"
            );
    }

    private static void Call(OperationAnalysisContext context)
    {
        var call = (IInvocationOperation)context.Operation;
        if (call.TargetMethod is { Name: "ModuleDict", ContainingType.Name: "nn" })
            Made(context, call.Type);
        else if (
            Additions.Contains(call.TargetMethod.Name)
            && Containers.Contains(call.Instance?.Type?.Name)
            && IsRegisteredBefore(call)
        )
            Report(
                context.ReportDiagnostic,
                call.Syntax.GetLocation(),
                "RegisterComponents has been called before: what is added now is neither trained, saved nor moved. Fill the "
                    + "container first"
            );
    }

    // In the same body, further up.
    private static bool IsRegisteredBefore(IOperation call)
    {
        var root = call;
        while (root.Parent is not null)
            root = root.Parent;
        return root.Descendants()
            .OfType<IInvocationOperation>()
            .Any(c => c.TargetMethod.Name == "RegisterComponents" && c.Syntax.SpanStart < call.Syntax.SpanStart);
    }

    // Two properties of one name: several indexers, or one that hides another.
    private static void Class(SymbolAnalysisContext context)
    {
        var type = (INamedTypeSymbol)context.Symbol;
        if (!TorchTypes.IsModule(type))
            return;
        foreach (var property in type.GetMembers().OfType<IPropertySymbol>().Where(p => IsSeen(p)))
            if (Others(type, property).Any())
            {
                Report(
                    context.ReportDiagnostic,
                    property.Locations[0],
                    $"'{type.Name}' has two properties called '{property.MetadataName}', and 'to' of such a module throws ('An "
                        + "item with the same key has already been added'). Make one of them a method"
                );
                return;
            }
    }

    private static IEnumerable<IPropertySymbol> Others(INamedTypeSymbol type, IPropertySymbol property)
    {
        for (var at = type; at is not null; at = at.BaseType)
            foreach (var other in at.GetMembers(property.Name).OfType<IPropertySymbol>())
                if (
                    !SymbolEqualityComparer.Default.Equals(other, property)
                    && IsSeen(other)
                    && !IsOverridden(property, other)
                    && !(SameType(other, property) && !property.IsIndexer)
                )
                    yield return other;
    }

    // Reflection gives one of two where a property is replaced by one of the same type.
    private static bool SameType(IPropertySymbol a, IPropertySymbol b) =>
        SymbolEqualityComparer.Default.Equals(a.Type, b.Type);

    private static bool IsSeen(IPropertySymbol property) =>
        !property.IsStatic && property.ExplicitInterfaceImplementations.IsEmpty;

    private static bool IsOverridden(IPropertySymbol property, IPropertySymbol other)
    {
        for (var at = property; at is not null; at = at.OverriddenProperty)
            if (SymbolEqualityComparer.Default.Equals(at, other))
                return true;
        return false;
    }

    private static void Field(SymbolAnalysisContext context)
    {
        var field = (IFieldSymbol)context.Symbol;
        if (
            Containers.Contains(field.Type.Name)
            && TorchTypes.IsTorchSharp(field.Type)
            && !TorchTypes.IsModule(field.ContainingType)
        )
            Report(
                context.ReportDiagnostic,
                field.Locations[0],
                $"'{field.ContainingType.Name}' is no module, so nothing registers what the {field.Type.Name} holds: as a module "
                    + "it has no parameters. Make a class of nn.Module that holds it and calls RegisterComponents, or a Sequential"
            );
    }

    private static void Report(Action<Diagnostic> report, Location where, string problem) =>
        report(Diagnostic.Create(Rules.BrokenParts, where, problem));
}
