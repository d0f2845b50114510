using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace KdPlugins.Sdk.Analyzers;

/// <summary>Classes that carry an attribute of the SDK: what keeps the host from finding, making or naming them.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class PluginClassAnalyzer : DiagnosticAnalyzer
{
    private static readonly Regex KebabCase = new("^[a-z0-9]+(-[a-z0-9]+)*$");

    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
        ImmutableArray.Create(
            Rules.WrongBase,
            Rules.SeveralAttributes,
            Rules.NotVisible,
            Rules.NoConstructor,
            Rules.BadIdentity,
            Rules.NoAttribute
        );

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.RegisterSymbolAction(Check, SymbolKind.NamedType);
        context.RegisterCompilationStartAction(Unmarked);
    }

    // A class that the assembly itself makes is a part of another one.
    private static void Unmarked(CompilationStartAnalysisContext context)
    {
        var made = new ConcurrentDictionary<ISymbol, bool>(SymbolEqualityComparer.Default);
        var found = new ConcurrentBag<(INamedTypeSymbol Type, string Contract, string Attribute)>();
        context.RegisterOperationAction(
            c => made[((IObjectCreationOperation)c.Operation).Type!.OriginalDefinition] = true,
            OperationKind.ObjectCreation
        );
        context.RegisterSymbolAction(
            c =>
            {
                var type = (INamedTypeSymbol)c.Symbol;
                if (
                    type is { TypeKind: TypeKind.Class, IsAbstract: false, IsStatic: false, IsGenericType: false }
                    && type.DeclaredAccessibility != Accessibility.Private
                    && !type.GetAttributes().Any(a => PluginKinds.Of(a) is not null)
                    && PluginKinds.Of(type) is var (contract, attribute)
                )
                    found.Add((type, contract, attribute));
            },
            SymbolKind.NamedType
        );
        context.RegisterCompilationEndAction(c =>
        {
            foreach (var (type, contract, attribute) in found)
                if (!made.ContainsKey(type))
                    c.ReportDiagnostic(
                        Diagnostic.Create(Rules.NoAttribute, type.Locations[0], type.Name, contract, attribute)
                    );
        });
    }

    private static void Check(SymbolAnalysisContext context)
    {
        var type = (INamedTypeSymbol)context.Symbol;
        var attributes = type.GetAttributes().Where(a => PluginKinds.Of(a) is not null).ToList();
        if (attributes.Count == 0)
            return;
        void Report(DiagnosticDescriptor rule, params object[] about) =>
            context.ReportDiagnostic(Diagnostic.Create(rule, type.Locations[0], [type.Name, .. about]));

        if (attributes.Count > 1)
            Report(Rules.SeveralAttributes, attributes.Count);
        foreach (var attribute in attributes)
        {
            var (contract, baseClass) = PluginKinds.Of(attribute)!.Value;
            var name = attribute.AttributeClass!.Name.Replace("Attribute", "");
            if (!type.AllInterfaces.Any(i => i.Name == contract && i.ContainingNamespace.Name == "Core"))
                Report(Rules.WrongBase, name, contract, baseClass);
            if (IdentityProblem(attribute) is { } problem)
                Report(Rules.BadIdentity, problem);
        }
        if (Invisible(type) is { } why)
            Report(Rules.NotVisible, why);
        else if (ConstructorProblem(type) is { } problem)
            Report(Rules.NoConstructor, problem);
    }

    private static string? Invisible(INamedTypeSymbol type)
    {
        for (var outer = type; outer is not null; outer = outer.ContainingType)
            if (outer.DeclaredAccessibility != Accessibility.Public)
                return "not public";
        return type.IsAbstract || type.IsStatic ? "abstract"
            : type.IsGenericType ? "generic"
            : null;
    }

    private static string? ConstructorProblem(INamedTypeSymbol type)
    {
        var marked = type
            .InstanceConstructors.Where(c => c.GetAttributes().Any(a => IsImporting(a.AttributeClass)))
            .ToList();
        if (marked.Count > 1)
            return "has several constructors that are marked [ImportingConstructor]";
        if (marked.Count == 1)
            return marked[0].DeclaredAccessibility == Accessibility.Public
                ? null
                : "has an [ImportingConstructor] that is not public";
        return type.InstanceConstructors.Any(c =>
            c.Parameters.Length == 0 && c.DeclaredAccessibility == Accessibility.Public
        )
            ? null
            : "has no public constructor without parameters";
    }

    private static bool IsImporting(INamedTypeSymbol? attribute) =>
        attribute?.Name == "ImportingConstructorAttribute"
        && attribute.ContainingNamespace.ToDisplayString() == "System.Composition";

    private static string? IdentityProblem(AttributeData attribute)
    {
        if (attribute.ConstructorArguments.FirstOrDefault().Value is string id && !KebabCase.IsMatch(id))
            return $"has the id '{id}'; ids are kebab-case, such as 'mosaic-kd'.";
        return
            attribute.NamedArguments.FirstOrDefault(a => a.Key == "Version").Value.Value is string text
            && !(Version.TryParse(text, out var version) && version.Build >= 0)
            ? $"has the version '{text}'; versions are major.minor.patch, such as '1.0.0'."
            : null;
    }
}
