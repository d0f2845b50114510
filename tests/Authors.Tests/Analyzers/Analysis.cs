using System.Collections.Immutable;
using KdPlugins.Sdk.Analyzers;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;

namespace KdPlugins.Authors.Tests.Analyzers;

/// <summary>What the analyzers say about a source of a plugin.</summary>
internal static class Analysis
{
    private const string Usings = """
        using System; using System.Collections.Generic; using System.Composition; using System.Linq;
        using KdPlugins.Core; using KdPlugins.Sdk; using TorchSharp; using static TorchSharp.torch;
        """;

    private static readonly Lazy<List<MetadataReference>> Platform = new(() =>
        [
            .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!)
                .Split(Path.PathSeparator)
                .Select(p => (MetadataReference)MetadataReference.CreateFromFile(p)),
        ]
    );

    /// <summary>Every rule of every analyzer.</summary>
    internal static IReadOnlyList<DiagnosticDescriptor> Rules => [.. Analyzers.SelectMany(a => a.SupportedDiagnostics)];

    private static ImmutableArray<DiagnosticAnalyzer> Analyzers =>
        [
            .. typeof(PluginClassAnalyzer)
                .Assembly.GetTypes()
                .Where(t => t.IsSubclassOf(typeof(DiagnosticAnalyzer)) && !t.IsAbstract)
                .Select(t => (DiagnosticAnalyzer)Activator.CreateInstance(t)!),
        ];

    /// <summary>The findings as <c>KDA0001 message</c>; the source has to compile.</summary>
    internal static IReadOnlyList<string> Of(string source, string usings = "")
    {
        var compilation = CSharpCompilation.Create(
            "Analysed",
            [CSharpSyntaxTree.ParseText(Usings + usings + source)],
            Platform.Value,
            new(OutputKind.DynamicallyLinkedLibrary)
        );
        Assert.Empty(compilation.GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error));
        return
        [
            .. compilation
                .WithAnalyzers(Analyzers)
                .GetAnalyzerDiagnosticsAsync()
                .GetAwaiter()
                .GetResult()
                .Select(d => $"{d.Id} {d.GetMessage()}")
                .Order(StringComparer.Ordinal),
        ];
    }

    /// <summary>The findings' ids.</summary>
    internal static IEnumerable<string> Ids(string source, string usings = "") =>
        Of(source, usings).Select(f => f.Split(' ')[0]);

    /// <summary>A sound loss with more members, and maybe another line before the class.</summary>
    internal static string Loss(
        string members = "",
        string head = "[KdLoss(\"my-loss\")] public sealed class MyLoss"
    ) =>
        $$"""
            {{head}} : DistillationLoss<NoOptions> {
                {{members}}
                public override Tensor Compute(ILossContext context) => context.Student.Logits.mean();
            }
            """;
}
