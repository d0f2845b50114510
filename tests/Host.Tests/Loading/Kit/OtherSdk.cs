using System.Runtime.CompilerServices;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>The SDK's own sources with a change: what an author may have built against.</summary>
internal static class OtherSdk
{
    private const string Implicit =
        "global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq;"
        + "global using System.Threading; global using System.Threading.Tasks;";

    /// <summary>The SDK with a text of one of its files replaced, which has to be there.</summary>
    internal static byte[] With(string file, string old, string replacement)
    {
        var sources = Directory
            .EnumerateFiles(Folder(), "*.cs")
            .ToDictionary(f => Path.GetFileName(f), File.ReadAllText);
        Assert.Contains(old, sources[file]);
        sources[file] = sources[file].Replace(old, replacement);
        var version = typeof(Sdk.NoOptions).Assembly.GetName().Version;
        var compilation = CSharpCompilation.Create(
            "KdPlugins.Sdk",
            sources
                .Values.Append(Implicit)
                .Append($"[assembly: System.Reflection.AssemblyVersion(\"{version}\")]")
                .Select(s => CSharpSyntaxTree.ParseText(s)),
            PluginCompiler.References("KdPlugins.Sdk"),
            new(OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable)
        );
        using var stream = new MemoryStream();
        var result = compilation.Emit(stream);
        Assert.True(result.Success, string.Join("\n", result.Diagnostics));
        return stream.ToArray();
    }

    private static string Folder([CallerFilePath] string path = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, "../../../../core/Sdk"));
}
