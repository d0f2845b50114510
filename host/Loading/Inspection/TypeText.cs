using System.Collections.Immutable;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>
/// Types and signatures as texts that are equal where the runtime takes them for the same: full names without assemblies,
/// since contracts name the framework's by several.
/// </summary>
internal sealed class TypeText : ISignatureTypeProvider<string, ImmutableArray<string>>
{
    // Signatures nest and the decoder recurses: a hostile one would overflow the stack.
    private const int LongestSignature = 2048;
    private const int DeepestNesting = 16;
    private const byte ValueType = 0x11;

    internal static TypeText Provider { get; } = new();

    internal static string Join(string space, string name) => space.Length == 0 ? name : $"{space}.{name}";

    internal static string Of(MetadataReader metadata, TypeDefinitionHandle handle)
    {
        var type = metadata.GetTypeDefinition(handle);
        var name = metadata.GetString(type.Name);
        for (var depth = 0; depth < DeepestNesting && !type.GetDeclaringType().IsNil; depth++)
        {
            type = metadata.GetTypeDefinition(type.GetDeclaringType());
            name = $"{metadata.GetString(type.Name)}+{name}";
        }
        return Join(metadata.GetString(type.Namespace), name);
    }

    internal static string Of(MetadataReader metadata, TypeReferenceHandle handle)
    {
        var type = metadata.GetTypeReference(handle);
        var name = metadata.GetString(type.Name);
        for (var depth = 0; depth < DeepestNesting && type.ResolutionScope.Kind == HandleKind.TypeReference; depth++)
        {
            type = metadata.GetTypeReference((TypeReferenceHandle)type.ResolutionScope);
            name = $"{metadata.GetString(type.Name)}+{name}";
        }
        return Join(metadata.GetString(type.Namespace), name);
    }

    /// <summary>The assembly that a reference names; null where it is the own one.</summary>
    internal static string? ScopeOf(MetadataReader metadata, TypeReferenceHandle handle)
    {
        var scope = metadata.GetTypeReference(handle).ResolutionScope;
        for (var depth = 0; depth < DeepestNesting && scope.Kind == HandleKind.TypeReference; depth++)
            scope = metadata.GetTypeReference((TypeReferenceHandle)scope).ResolutionScope;
        return scope.Kind == HandleKind.AssemblyReference
            ? metadata.GetString(metadata.GetAssemblyReference((AssemblyReferenceHandle)scope).Name)
            : null;
    }

    /// <summary>
    /// The type behind a base type or the parent of a member, with its arguments where it is an instance of a generic one;
    /// nil for arrays and the like.
    /// </summary>
    internal static (EntityHandle Type, ImmutableArray<string> Arguments) Open(
        MetadataReader metadata,
        EntityHandle handle,
        ImmutableArray<string> context
    )
    {
        if (handle.Kind != HandleKind.TypeSpecification)
            return (handle, []);
        var reader = Blob(metadata, metadata.GetTypeSpecification((TypeSpecificationHandle)handle).Signature);
        if (reader.ReadSignatureTypeCode() != SignatureTypeCode.GenericTypeInstance)
            return default;
        reader.ReadSignatureTypeCode();
        var type = reader.ReadTypeHandle();
        if (type.Kind == HandleKind.TypeSpecification)
            return default;
        var decoder = new SignatureDecoder<string, ImmutableArray<string>>(Provider, metadata, context);
        // Every argument has a byte at least.
        var arguments = new string[Math.Min(reader.ReadCompressedInteger(), reader.RemainingBytes)];
        for (var i = 0; i < arguments.Length; i++)
            arguments[i] = decoder.DecodeType(ref reader);
        return (type, [.. arguments]);
    }

    /// <summary>
    /// A method or field with its types, as one text. The context stands for the parameters of the generic type; where it is
    /// empty they stand for themselves.
    /// </summary>
    internal static string Member(
        MetadataReader metadata,
        string name,
        BlobHandle signature,
        ImmutableArray<string> context
    )
    {
        var reader = Blob(metadata, signature);
        var header = reader.ReadSignatureHeader();
        reader.Reset();
        var decoder = new SignatureDecoder<string, ImmutableArray<string>>(Provider, metadata, context);
        if (header.Kind == SignatureKind.Field)
            return $"{decoder.DecodeFieldSignature(ref reader)} {name}";
        var method = decoder.DecodeMethodSignature(ref reader);
        var kind = method.Header.IsInstance ? "" : "static ";
        var arity = method.GenericParameterCount > 0 ? $"``{method.GenericParameterCount}" : "";
        return $"{kind}{method.ReturnType} {name}{arity}({string.Join(", ", method.ParameterTypes)})";
    }

    public string GetGenericTypeParameter(ImmutableArray<string> genericContext, int index) =>
        index < genericContext.Length ? genericContext[index] : $"!{index}";

    public string GetGenericMethodParameter(ImmutableArray<string> genericContext, int index) => $"!!{index}";

    public string GetArrayType(string elementType, ArrayShape shape) =>
        $"{elementType}[{(shape.Rank == 1 ? "*" : new string(',', Math.Min(shape.Rank, 32) - 1))}]";

    public string GetSZArrayType(string elementType) => elementType + "[]";

    public string GetByReferenceType(string elementType) => elementType + "&";

    public string GetPointerType(string elementType) => elementType + "*";

    public string GetPinnedType(string elementType) => elementType;

    public string GetFunctionPointerType(MethodSignature<string> signature) =>
        $"{signature.ReturnType}*({string.Join(", ", signature.ParameterTypes)})";

    public string GetGenericInstantiation(string genericType, ImmutableArray<string> typeArguments) =>
        $"{genericType}<{string.Join(", ", typeArguments)}>";

    public string GetModifiedType(string modifier, string unmodifiedType, bool isRequired) =>
        $"{unmodifiedType} {(isRequired ? "modreq" : "modopt")}({modifier})";

    public string GetPrimitiveType(PrimitiveTypeCode typeCode) => typeCode.ToString();

    public string GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind) =>
        Named(Of(reader, handle), rawTypeKind);

    public string GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind) =>
        Named(Of(reader, handle), rawTypeKind);

    // Hostile metadata can name a specification in itself, and no compiler puts one into a signature but as a modifier.
    public string GetTypeFromSpecification(
        MetadataReader reader,
        ImmutableArray<string> genericContext,
        TypeSpecificationHandle handle,
        byte rawTypeKind
    ) => "?";

    // A class that became a structure is another type to whoever was built against the class.
    private static string Named(string name, byte kind) => kind == ValueType ? $"struct {name}" : name;

    private static BlobReader Blob(MetadataReader metadata, BlobHandle handle)
    {
        var reader = metadata.GetBlobReader(handle);
        return reader.Length <= LongestSignature
            ? reader
            : throw new BadImageFormatException($"a signature has {reader.Length} bytes");
    }
}
