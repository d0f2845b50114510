using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;

namespace KdPlugins.Sdk.Analyzers;

/// <summary>Imports and metadata attributes that MEF ignores, or that make it throw.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class MefAnalyzer : DiagnosticAnalyzer
{
    private const string Mef = "System.Composition";
    private static readonly string[] Collections = ["IEnumerable", "IList", "ICollection"];

    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
        ImmutableArray.Create(
            Rules.NoSetter,
            Rules.NotMany,
            Rules.OtherMef,
            Rules.InterfaceView,
            Rules.DerivedMetadata
        );

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.RegisterSymbolAction(c => Member(c, c.Symbol, TypeOf(c.Symbol)), SymbolKind.Property, SymbolKind.Field);
        context.RegisterSymbolAction(Method, SymbolKind.Method);
        context.RegisterSymbolAction(Class, SymbolKind.NamedType);
    }

    private static ITypeSymbol TypeOf(ISymbol symbol) =>
        symbol switch
        {
            IPropertySymbol property => property.Type,
            IFieldSymbol field => field.Type,
            _ => ((IParameterSymbol)symbol).Type,
        };

    private static void Method(SymbolAnalysisContext context)
    {
        var method = (IMethodSymbol)context.Symbol;
        ReportOtherMef(context, method);
        var imports = Has(method, Mef, "ImportingConstructorAttribute");
        foreach (var parameter in method.Parameters)
            Member(context, parameter, parameter.Type, imports);
    }

    private static void Class(SymbolAnalysisContext context)
    {
        var type = (INamedTypeSymbol)context.Symbol;
        ReportOtherMef(context, type);
        if (Has(type, Mef, "MetadataAttributeAttribute") && type.BaseType is { } parent)
            if (Has(parent, Mef, "MetadataAttributeAttribute") && parent.GetMembers().OfType<IPropertySymbol>().Any())
                Report(context, Rules.DerivedMetadata, type, type.Name, parent.Name);
    }

    private static void Member(SymbolAnalysisContext context, ISymbol symbol, ITypeSymbol type, bool imports = false)
    {
        ReportOtherMef(context, symbol);
        var many = Has(symbol, Mef, "ImportManyAttribute");
        imports |= many || Has(symbol, Mef, "ImportAttribute");
        if (!imports)
            return;
        if (
            symbol is IPropertySymbol property
            && (
                property.SetMethod?.DeclaredAccessibility != Accessibility.Public
                || property.DeclaredAccessibility != Accessibility.Public
            )
        )
            Report(context, Rules.NoSetter, symbol, symbol.Name);
        var element = ElementOf(type);
        if (many && element is null)
            Report(context, Rules.NotMany, symbol, symbol.Name, type.ToDisplayString());
        if (ViewOf(element ?? type) is { } view && ViewProblem(view) is { } problem)
            Report(context, Rules.InterfaceView, symbol, view.Name, problem);
    }

    private static ITypeSymbol? ElementOf(ITypeSymbol type) =>
        type switch
        {
            IArrayTypeSymbol array => array.ElementType,
            INamedTypeSymbol { TypeArguments.Length: 1 } named when Collections.Contains(named.Name) =>
                named.TypeArguments[0],
            _ => null,
        };

    // Lazy<T, TMetadata> and ExportFactory<T, TMetadata>.
    private static ITypeSymbol? ViewOf(ITypeSymbol type) =>
        type is INamedTypeSymbol { Name: "Lazy" or "ExportFactory", TypeArguments.Length: 2 } named
            ? named.TypeArguments[1]
            : null;

    private static string? ViewProblem(ITypeSymbol view) =>
        view.TypeKind == TypeKind.Interface
            ? view.Name == "IDictionary"
                ? null
                : "an interface"
            : view.IsAbstract
                ? "abstract"
                : view is INamedTypeSymbol named && !named.InstanceConstructors.Any(IsViewConstructor)
                    ? "without a public constructor"
                    : null;

    private static bool IsViewConstructor(IMethodSymbol constructor) =>
        constructor.DeclaredAccessibility == Accessibility.Public
        && (
            constructor.Parameters.Length == 0
            || constructor.Parameters.Length == 1 && constructor.Parameters[0].Type.Name == "IDictionary"
        );

    private static void ReportOtherMef(SymbolAnalysisContext context, ISymbol symbol)
    {
        foreach (var attribute in symbol.GetAttributes())
            if (
                attribute.AttributeClass is { } type
                && type.ContainingNamespace.ToDisplayString() == "System.ComponentModel.Composition"
            )
                Report(context, Rules.OtherMef, symbol, type.Name);
    }

    private static bool Has(ISymbol symbol, string space, string name) =>
        symbol
            .GetAttributes()
            .Any(a =>
                a.AttributeClass?.Name == name && a.AttributeClass.ContainingNamespace.ToDisplayString() == space
            );

    private static void Report(
        SymbolAnalysisContext context,
        DiagnosticDescriptor rule,
        ISymbol at,
        params object[] about
    ) => context.ReportDiagnostic(Diagnostic.Create(rule, at.Locations[0], about));
}
