using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>
/// Reads what an assembly says about itself from its bytes. No code of it runs and nothing is loaded; whatever the bytes
/// are, the answer is facts or a reason.
/// </summary>
internal static class AssemblyReader
{
    /// <summary>The facts, or null and why there are none.</summary>
    internal static AssemblyFacts? Read(byte[] image, out string? reason)
    {
        reason = NotPortable(image);
        if (reason is not null)
            return null;
        try
        {
            using var stream = new MemoryStream(image, writable: false);
            using var pe = new PEReader(stream);
            if (!pe.HasMetadata)
            {
                reason = "is a native library, not a .NET assembly";
                return null;
            }
            var metadata = pe.GetMetadataReader();
            if (!metadata.IsAssembly)
            {
                reason = "is a .NET module without an assembly manifest";
                return null;
            }
            return Facts(pe, metadata);
        }
        // The reader's own checks end in a dozen exception types when the bytes are hostile; all mean the same here.
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            reason = $"is damaged: {e.Message.ReplaceLineEndings(" ")}";
            return null;
        }
    }

    private static string? NotPortable(ReadOnlySpan<byte> image) =>
        image switch
        {
            [] => "is empty (0 bytes)",
            [0x7F, (byte)'E', (byte)'L', (byte)'F', ..] => "is a native library (ELF), not a .NET assembly",
            [0xCF or 0xCE, 0xFA, 0xED, 0xFE, ..] => "is a native library (Mach-O), not a .NET assembly",
            [(byte)'M', (byte)'Z', ..] => null,
            _ => $"is no .NET assembly ({image.Length} bytes that do not start with 'MZ')",
        };

    private static AssemblyFacts Facts(PEReader pe, MetadataReader metadata)
    {
        var definition = metadata.GetAssemblyDefinition();
        var types = new TypeScan(metadata);
        types.Run();
        var members = MemberScan.Run(metadata);
        var name = metadata.GetString(definition.Name);
        return new()
        {
            Name = name,
            Version = definition.Version,
            Framework = AttributeText.TargetFramework(metadata),
            ForeignMachine = Machines.Foreign(pe.PEHeaders),
            References =
            [
                .. metadata
                    .AssemblyReferences.Select(metadata.GetAssemblyReference)
                    .Select(r => new ReferenceFact(metadata.GetString(r.Name), r.Version)),
            ],
            Parts = types.Parts,
            Mef1Types = types.Mef1Types,
            BareExports = types.BareExports,
            Exits = members.Exits,
            Holders = members.Holders,
            // A contract that the plugin ships is never used, whatever it references.
            Unmet = ContractAssemblies.IsContract(name) ? [] : ContractScan.Run(metadata),
            NativeImports = NativeImports(metadata),
        };
    }

    private static List<string> NativeImports(MetadataReader metadata) =>
        [
            .. Enumerable
                .Range(1, metadata.GetTableRowCount(TableIndex.ModuleRef))
                .Select(row => metadata.GetModuleReference(MetadataTokens.ModuleReferenceHandle(row)).Name)
                .Select(metadata.GetString)
                .Order(StringComparer.Ordinal),
        ];
}
