using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Metadata;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>Something of a contract that an assembly was built against, and that this host has not or has otherwise.</summary>
/// <param name="Assembly">The contract.</param>
/// <param name="What">The type or member.</param>
/// <param name="Instead">What the host has of that name; empty for nothing.</param>
internal sealed record UnmetReference(string Assembly, string What, string Instead);

/// <summary>
/// Resolves every reference of an assembly to a type or member of a contract against the host's own metadata, as the runtime
/// would when the code that uses it is first run, which may be at the end of a run.
/// </summary>
internal sealed class ContractScan(MetadataReader metadata)
{
    private const int DeepestBase = 64;
    private readonly Dictionary<TypeReferenceHandle, HostType?> _types = [];
    private readonly List<UnmetReference> _unmet = [];

    internal static IReadOnlyList<UnmetReference> Run(MetadataReader metadata)
    {
        var scan = new ContractScan(metadata);
        foreach (var handle in metadata.TypeReferences)
            scan.CheckType(handle);
        foreach (var handle in metadata.MemberReferences)
            scan.CheckMember(metadata.GetMemberReference(handle));
        foreach (var handle in metadata.TypeDefinitions)
            scan.CheckOverrides(handle);
        return scan._unmet;
    }

    private void CheckType(TypeReferenceHandle handle)
    {
        if (ContractOf(handle) is not { } contract)
            return;
        var name = TypeText.Of(metadata, handle);
        var found = HostAssembly.Of(contract)?.Find(name);
        var isPublic = found is { } type && IsVisible(type);
        _types[handle] = isPublic ? found : null;
        if (!isPublic)
            _unmet.Add(new(contract, $"the type {name}", found is null ? "" : $"{name}, which is not public"));
    }

    private void CheckMember(MemberReference member)
    {
        var (parent, _) = TypeText.Open(metadata, member.Parent, []);
        // A type that is missing has been said; what is wrong with its members follows from that.
        if (parent.Kind != HandleKind.TypeReference || Resolved((TypeReferenceHandle)parent) is not { } type)
            return;
        var name = metadata.GetString(member.Name);
        var wanted = TypeText.Member(metadata, name, member.Signature, []);
        if (
            HostMembers.Find(type, name, wanted, member.GetKind() == MemberReferenceKind.Field) is
            { IsMet: false } found
        )
            _unmet.Add(Unmet((TypeReferenceHandle)parent, wanted, found));
    }

    // A method that overrides nothing any more is no error to the runtime: it would never be called, without a word.
    private void CheckOverrides(TypeDefinitionHandle handle)
    {
        var type = metadata.GetTypeDefinition(handle);
        if (type.BaseType.IsNil)
            return;
        HashSet<EntityHandle>? named = null;
        foreach (var methodHandle in type.GetMethods())
        {
            var method = metadata.GetMethodDefinition(methodHandle);
            const MethodAttributes kind = MethodAttributes.Virtual | MethodAttributes.NewSlot | MethodAttributes.Static;
            if ((method.Attributes & kind) != MethodAttributes.Virtual)
                continue;
            // Those that say by themselves what they implement are references, and looked at as such.
            named ??= [.. type.GetMethodImplementations().Select(i => metadata.GetMethodImplementation(i).MethodBody)];
            if (!named.Contains(methodHandle))
                CheckOverride(type, method);
        }
    }

    private void CheckOverride(TypeDefinition type, MethodDefinition method)
    {
        var name = metadata.GetString(method.Name);
        var wanted = TypeText.Member(metadata, name, method.Signature, []);
        var (parent, arguments) = TypeText.Open(metadata, type.BaseType, []);
        for (var depth = 0; depth < DeepestBase && parent.Kind == HandleKind.TypeDefinition; depth++)
        {
            var own = metadata.GetTypeDefinition((TypeDefinitionHandle)parent);
            if (own.GetMethods().Any(m => IsSame(metadata.GetMethodDefinition(m), name, wanted, arguments)))
                return;
            (parent, arguments) = TypeText.Open(metadata, own.BaseType, arguments);
        }
        if (parent.Kind != HandleKind.TypeReference || Resolved((TypeReferenceHandle)parent) is not { } contract)
            return;
        if (HostMembers.Find(contract, name, wanted, isField: false, arguments) is { IsMet: false } found)
            _unmet.Add(Unmet((TypeReferenceHandle)parent, wanted, found));
    }

    private bool IsSame(MethodDefinition method, string name, string wanted, ImmutableArray<string> arguments) =>
        metadata.StringComparer.Equals(method.Name, name)
        && TypeText.Member(metadata, name, method.Signature, arguments) == wanted;

    private UnmetReference Unmet(TypeReferenceHandle parent, string wanted, HostMember found) =>
        new(ContractOf(parent)!, $"{wanted} of {TypeText.Of(metadata, parent)}", found.Instead);

    private HostType? Resolved(TypeReferenceHandle handle) => _types.GetValueOrDefault(handle);

    private string? ContractOf(TypeReferenceHandle handle) =>
        TypeText.ScopeOf(metadata, handle) is { } name && ContractAssemblies.IsContract(name) ? name : null;

    private static bool IsVisible(HostType type) =>
        (type.Assembly.Metadata.GetTypeDefinition(type.Handle).Attributes & TypeAttributes.VisibilityMask)
            is TypeAttributes.Public
                or TypeAttributes.NestedPublic
                or TypeAttributes.NestedFamily
                or TypeAttributes.NestedFamORAssem;
}
