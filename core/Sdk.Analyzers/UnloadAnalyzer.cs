using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Operations;

namespace KdPlugins.Sdk.Analyzers;

/// <summary>Calls that keep a plugin's load context alive for ever.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class UnloadAnalyzer : DiagnosticAnalyzer
{
    /// <inheritdoc/>
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } =
        ImmutableArray.Create(Rules.PinsContext);

    /// <inheritdoc/>
    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.RegisterOperationAction(Call, OperationKind.Invocation);
    }

    private static void Call(OperationAnalysisContext context)
    {
        var method = ((IInvocationOperation)context.Operation).TargetMethod;
        var cure = method.ContainingType?.ToDisplayString() switch
        {
            "System.Text.Json.JsonSerializer" when ByReflection(method, context.Compilation.Assembly) =>
                "Use a source-generated JsonSerializerContext, JsonNode or Utf8JsonWriter.",
            "System.ComponentModel.DataAnnotations.Validator" =>
                "The host validates options; for other objects call ValidationAttribute.GetValidationResult.",
            "System.ComponentModel.TypeDescriptor" => "Use plain reflection.",
            _ => null,
        };
        if (cure is not null)
            context.ReportDiagnostic(
                Diagnostic.Create(
                    Rules.PinsContext,
                    context.Operation.Syntax.GetLocation(),
                    $"{method.ContainingType!.Name}.{method.Name}",
                    cure
                )
            );
    }

    // What is made of the framework's and the host's types alone is cached where it lives anyway.
    private static bool ByReflection(IMethodSymbol method, IAssemblySymbol plugin) =>
        !method.Parameters.Any(p => p.Type.Name is "JsonTypeInfo" or "JsonSerializerContext")
        && (method.TypeArguments.Length == 0 || method.TypeArguments.Any(t => IsOrMayBe(t, plugin)));

    private static bool IsOrMayBe(ITypeSymbol type, IAssemblySymbol plugin) =>
        type switch
        {
            ITypeParameterSymbol or { SpecialType: SpecialType.System_Object } => true,
            IArrayTypeSymbol array => IsOrMayBe(array.ElementType, plugin),
            INamedTypeSymbol named => SymbolEqualityComparer.Default.Equals(named.ContainingAssembly, plugin)
                || named.TypeArguments.Any(t => IsOrMayBe(t, plugin)),
            _ => false,
        };
}
