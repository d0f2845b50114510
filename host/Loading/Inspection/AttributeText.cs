using System.Reflection.Metadata;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>Reads custom attributes whose arguments are texts, types and simple values.</summary>
internal static class AttributeText
{
    // Boxed arrays nest in an attribute's value, and the decoder recurses: a hostile value would overflow the stack.
    private const int LongestValue = 8192;

    private static readonly NameProvider Provider = new();

    /// <summary>The namespace and name of an attribute's type.</summary>
    internal static (string Namespace, string Name) TypeOf(MetadataReader metadata, CustomAttribute attribute)
    {
        var parent = attribute.Constructor.Kind switch
        {
            HandleKind.MemberReference => metadata
                .GetMemberReference((MemberReferenceHandle)attribute.Constructor)
                .Parent,
            HandleKind.MethodDefinition => metadata
                .GetMethodDefinition((MethodDefinitionHandle)attribute.Constructor)
                .GetDeclaringType(),
            _ => default,
        };
        return TypeName(metadata, parent);
    }

    /// <summary>The namespace and name of a type reference or definition; empty for anything else.</summary>
    internal static (string Namespace, string Name) TypeName(MetadataReader metadata, EntityHandle handle)
    {
        switch (handle.Kind)
        {
            case HandleKind.TypeReference:
                var reference = metadata.GetTypeReference((TypeReferenceHandle)handle);
                return (metadata.GetString(reference.Namespace), metadata.GetString(reference.Name));
            case HandleKind.TypeDefinition:
                var definition = metadata.GetTypeDefinition((TypeDefinitionHandle)handle);
                return (metadata.GetString(definition.Namespace), metadata.GetString(definition.Name));
            case HandleKind.TypeSpecification:
                // An instance of a generic type starts with 0x15, then class or value type, then the coded type.
                var signature = metadata.GetTypeSpecification((TypeSpecificationHandle)handle).Signature;
                var reader = metadata.GetBlobReader(signature);
                if (reader.ReadSignatureTypeCode() != SignatureTypeCode.GenericTypeInstance)
                    return ("", "");
                reader.ReadSignatureTypeCode();
                // Hostile metadata can name a specification in itself, so only what ends the search is followed.
                var generic = reader.ReadTypeHandle();
                return generic.Kind == HandleKind.TypeSpecification ? ("", "") : TypeName(metadata, generic);
            default:
                return ("", "");
        }
    }

    /// <summary>The arguments of an attribute.</summary>
    internal static CustomAttributeValue<string> Decode(MetadataReader metadata, CustomAttribute attribute)
    {
        var length = metadata.GetBlobReader(attribute.Value).Length;
        return length <= LongestValue
            ? attribute.DecodeValue(Provider)
            : throw new BadImageFormatException($"the value of an attribute has {length} bytes");
    }

    /// <summary>The value of the assembly's TargetFrameworkAttribute, or null.</summary>
    internal static string? TargetFramework(MetadataReader metadata)
    {
        foreach (var handle in metadata.GetAssemblyDefinition().GetCustomAttributes())
        {
            var attribute = metadata.GetCustomAttribute(handle);
            if (TypeOf(metadata, attribute) is ("System.Runtime.Versioning", "TargetFrameworkAttribute"))
                return Decode(metadata, attribute).FixedArguments is [{ Value: string text }, ..] ? text : null;
        }
        return null;
    }

    private sealed class NameProvider : ICustomAttributeTypeProvider<string>
    {
        public string GetPrimitiveType(PrimitiveTypeCode typeCode) => typeCode.ToString();

        public string GetSystemType() => "System.Type";

        public string GetSZArrayType(string elementType) => elementType + "[]";

        public string GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind) =>
            Full(TypeName(reader, handle));

        public string GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind) =>
            Full(TypeName(reader, handle));

        public string GetTypeFromSerializedName(string name) => name;

        // Enumerations cannot be looked up without loading what declares them; nearly all are as wide as an int.
        public PrimitiveTypeCode GetUnderlyingEnumType(string type) => PrimitiveTypeCode.Int32;

        public bool IsSystemType(string type) => type == "System.Type";

        private static string Full((string Namespace, string Name) type) => $"{type.Namespace}.{type.Name}";
    }
}
