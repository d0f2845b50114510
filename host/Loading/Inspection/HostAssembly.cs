using System.Collections.Concurrent;
using System.Reflection.Metadata;
using System.Runtime.Loader;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>A type of the host: where its metadata is, and which row it has there.</summary>
internal readonly record struct HostType(HostAssembly Assembly, TypeDefinitionHandle Handle);

/// <summary>The metadata of an assembly that the host provides, as it lies in memory: nothing is read twice.</summary>
internal sealed class HostAssembly
{
    private const int MaxForwards = 8;
    private static readonly ConcurrentDictionary<string, HostAssembly?> Known = new(StringComparer.OrdinalIgnoreCase);

    private readonly Lazy<Dictionary<string, TypeDefinitionHandle>> _types;
    private readonly Lazy<Dictionary<string, string>> _forwards;
    private readonly ConcurrentDictionary<TypeDefinitionHandle, ILookup<string, MethodDefinitionHandle>> _methods = [];

    private HostAssembly(MetadataReader metadata)
    {
        Metadata = metadata;
        _types = new(ReadTypes);
        _forwards = new(ReadForwards);
    }

    internal MetadataReader Metadata { get; }

    /// <summary>The host's assembly of a name; null where the host has none.</summary>
    internal static HostAssembly? Of(string name) => Known.GetOrAdd(name, Read);

    /// <summary>A type by its full name, with '+' before nested ones; where it was moved, in the assembly that has it now.</summary>
    internal HostType? Find(string name, int depth = 0)
    {
        if (_types.Value.TryGetValue(name, out var handle))
            return new(this, handle);
        return depth < MaxForwards && _forwards.Value.TryGetValue(name.Split('+')[0], out var next)
            ? Of(next)?.Find(name, depth + 1)
            : null;
    }

    /// <summary>The methods of a type by name.</summary>
    internal IEnumerable<MethodDefinitionHandle> Methods(TypeDefinitionHandle type, string name) =>
        _methods.GetOrAdd(
            type,
            t =>
                Metadata
                    .GetTypeDefinition(t)
                    .GetMethods()
                    .ToLookup(m => Metadata.GetString(Metadata.GetMethodDefinition(m).Name))
        )[name];

    /// <summary>The type that a row of this assembly refers to; null where the host has it not.</summary>
    internal HostType? Follow(EntityHandle handle) =>
        handle.Kind switch
        {
            HandleKind.TypeDefinition => new(this, (TypeDefinitionHandle)handle),
            HandleKind.TypeReference when TypeText.ScopeOf(Metadata, (TypeReferenceHandle)handle) is { } scope => Of(
                scope
            )
                ?.Find(TypeText.Of(Metadata, (TypeReferenceHandle)handle)),
            _ => null,
        };

    private static unsafe HostAssembly? Read(string name)
    {
        if (ContractAssemblies.PathOf(name) is null)
            return null;
        var assembly = AssemblyLoadContext.Default.LoadFromAssemblyName(new(name));
        return assembly.TryGetRawMetadata(out var blob, out var length)
            ? new HostAssembly(new MetadataReader(blob, length))
            : null;
    }

    private Dictionary<string, TypeDefinitionHandle> ReadTypes()
    {
        var found = new Dictionary<string, TypeDefinitionHandle>();
        foreach (var handle in Metadata.TypeDefinitions)
            found.TryAdd(TypeText.Of(Metadata, handle), handle);
        return found;
    }

    private Dictionary<string, string> ReadForwards()
    {
        var found = new Dictionary<string, string>();
        foreach (var handle in Metadata.ExportedTypes)
        {
            var type = Metadata.GetExportedType(handle);
            if (type.Implementation.Kind != HandleKind.AssemblyReference)
                continue;
            var target = Metadata.GetAssemblyReference((AssemblyReferenceHandle)type.Implementation);
            found[TypeText.Join(Metadata.GetString(type.Namespace), Metadata.GetString(type.Name))] =
                Metadata.GetString(target.Name);
        }
        return found;
    }
}
