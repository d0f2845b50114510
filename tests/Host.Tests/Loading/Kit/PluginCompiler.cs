using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>Compiles plugins at test time, so that every oddity needs only its source.</summary>
internal static class PluginCompiler
{
    internal const string Net10 = ".NETCoreApp,Version=v10.0";

    private static readonly Lazy<List<MetadataReference>> Platform = new(() =>
        [
            .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!)
                .Split(Path.PathSeparator)
                .Select(p => (MetadataReference)MetadataReference.CreateFromFile(p)),
        ]
    );

    private const string Usings = """
        using System; using System.Collections.Generic; using System.Composition; using System.Threading;
        using KdPlugins.Core; using KdPlugins.Sdk; using static TorchSharp.torch;
        """;

    /// <summary>A public loss; what is between its braces can be given.</summary>
    internal static string Loss(string id, string body = "", string arguments = "", string name = "MyLoss") =>
        $$"""
            [KdLoss("{{id}}"{{arguments}})] public sealed class {{name}} : DistillationLoss<NoOptions> {
                {{body}}
                public override Tensor Compute(ILossContext context) => null!;
            }
            """;

    /// <summary>An assembly from C# source.</summary>
    internal static byte[] Compile(
        string name,
        string source,
        string version = "1.0.0.0",
        string? framework = Net10,
        params byte[][] references
    )
    {
        var attributes = $"[assembly: System.Reflection.AssemblyVersion(\"{version}\")]\n";
        if (framework is not null)
            attributes += $"[assembly: System.Runtime.Versioning.TargetFramework(\"{framework}\")]\n";
        var compilation = CSharpCompilation.Create(
            name,
            [CSharpSyntaxTree.ParseText(Usings + "\n" + attributes + source)],
            [.. References(references), .. references.Select(r => MetadataReference.CreateFromImage(r))],
            new(OutputKind.DynamicallyLinkedLibrary, optimizationLevel: OptimizationLevel.Release, deterministic: true)
        );
        using var stream = new MemoryStream();
        var result = compilation.Emit(stream);
        Assert.True(result.Success, string.Join("\n", result.Diagnostics));
        return stream.ToArray();
    }

    /// <summary>Everything that a plugin may see, but the named assembly.</summary>
    internal static IEnumerable<MetadataReference> References(string without) =>
        Platform.Value.Where(r => Path.GetFileNameWithoutExtension(r.Display) != without);

    // A reference that is given stands for the platform's of its name.
    private static IEnumerable<MetadataReference> References(byte[][] given)
    {
        var names = given.Select(NameOf).ToHashSet();
        return Platform.Value.Where(r => !names.Contains(Path.GetFileNameWithoutExtension(r.Display!)));
    }

    private static string NameOf(byte[] image)
    {
        using var pe = new PEReader(new MemoryStream(image));
        var metadata = pe.GetMetadataReader();
        return metadata.GetString(metadata.GetAssemblyDefinition().Name);
    }

    /// <summary>The same assembly, built against another version of a reference.</summary>
    internal static byte[] WithReference(byte[] image, string name, Version version)
    {
        var copy = (byte[])image.Clone();
        using var pe = new PEReader(new MemoryStream(copy));
        var metadata = pe.GetMetadataReader();
        var row = 0;
        foreach (var handle in metadata.AssemblyReferences)
        {
            if (metadata.GetString(metadata.GetAssemblyReference(handle).Name) == name)
                break;
            row++;
        }
        Assert.True(row < metadata.AssemblyReferences.Count, $"{name} is not referenced");
        var at =
            pe.PEHeaders.MetadataStartOffset
            + metadata.GetTableMetadataOffset(TableIndex.AssemblyRef)
            + row * metadata.GetTableRowSize(TableIndex.AssemblyRef);
        foreach (var part in (int[])[version.Major, version.Minor, version.Build, version.Revision])
        {
            BitConverter.TryWriteBytes(copy.AsSpan(at), (ushort)Math.Max(part, 0));
            at += 2;
        }
        return copy;
    }

    /// <summary>The same assembly for another machine.</summary>
    internal static byte[] ForMachine(byte[] image, ushort machine)
    {
        var copy = (byte[])image.Clone();
        using var pe = new PEReader(new MemoryStream(image));
        BitConverter.TryWriteBytes(copy.AsSpan(pe.PEHeaders.CoffHeaderStartOffset), machine);
        return copy;
    }
}
