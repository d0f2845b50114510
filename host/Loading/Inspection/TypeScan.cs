using System.Reflection;
using System.Reflection.Metadata;
using KdPlugins.Core;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>Finds the classes that carry export attributes.</summary>
internal sealed class TypeScan(MetadataReader metadata)
{
    private static readonly Dictionary<string, PluginKind> Kinds = new()
    {
        ["KdAugmentationAttribute"] = PluginKind.Augmentation,
        ["KdLossAttribute"] = PluginKind.Loss,
        ["KdGeneratorAttribute"] = PluginKind.Generator,
        ["KdStrategyAttribute"] = PluginKind.Strategy,
        ["KdModelAttribute"] = PluginKind.Model,
        ["KdDatasetAttribute"] = PluginKind.Dataset,
        ["KdMeterAttribute"] = PluginKind.Meter,
        ["KdToolAttribute"] = PluginKind.Tool,
    };

    internal List<PartFact> Parts { get; } = [];
    internal List<string> Mef1Types { get; } = [];
    internal List<string> BareExports { get; } = [];

    internal void Run()
    {
        foreach (var handle in metadata.TypeDefinitions)
        {
            var type = metadata.GetTypeDefinition(handle);
            var hasId = false;
            var isExport = false;
            foreach (var attributeHandle in type.GetCustomAttributes())
            {
                var attribute = metadata.GetCustomAttribute(attributeHandle);
                var (space, name) = AttributeText.TypeOf(metadata, attribute);
                if (space == "KdPlugins.Sdk" && Kinds.TryGetValue(name, out var kind))
                {
                    Parts.Add(Part(kind, type, attribute));
                    hasId = true;
                }
                else if (space == "System.Composition" && name == "ExportAttribute")
                    isExport = true;
                else if (space == "System.ComponentModel.Composition")
                    Mef1Types.Add(FullName(type));
            }
            if (isExport && !hasId)
                BareExports.Add(FullName(type));
        }
        RefuseRepeated();
    }

    // MEF would merge the metadata of two attributes on one class, and of two classes with one id it would give both.
    private void RefuseRepeated()
    {
        foreach (var group in Parts.GroupBy(p => p.TypeName).Where(g => g.Count() > 1).ToList())
            Refuse(group, "carries more than one attribute of the SDK; one class is one plugin");
        foreach (var group in Parts.Where(p => p.Problem is null).GroupBy(p => (p.Kind, p.Id)).ToList())
        {
            var best = group
                .OrderByDescending(p => System.Version.Parse(p.Version))
                .ThenBy(p => p.TypeName, StringComparer.Ordinal)
                .First();
            Refuse(group.Where(p => p != best), $"has the id '{best.Id}' of {best.TypeName} {best.Version}");
        }
    }

    private void Refuse(IEnumerable<PartFact> parts, string problem)
    {
        foreach (var part in parts)
            Parts[Parts.IndexOf(part)] = part with { Problem = problem };
    }

    private PartFact Part(PluginKind kind, TypeDefinition type, CustomAttribute attribute)
    {
        var value = AttributeText.Decode(metadata, attribute);
        var id = value.FixedArguments is [{ Value: string text }, ..] ? text : "";
        string Named(string name, string fallback) =>
            value.NamedArguments.FirstOrDefault(a => a.Name == name).Value as string ?? fallback;
        var version = Named("Version", "1.0.0");
        return new(
            kind,
            id,
            version,
            Named("Description", ""),
            Named("Paper", ""),
            FullName(type),
            PartRules.Problem(id, version) ?? Unusable(type)
        );
    }

    /// <summary>Why MEF would pass the class over without a word, or null.</summary>
    private string? Unusable(TypeDefinition type)
    {
        if (!IsPublic(type))
            return "is not public";
        if ((type.Attributes & TypeAttributes.Abstract) != 0)
            return "is abstract";
        if (type.GetGenericParameters().Count > 0)
            return "is generic";
        var constructors = type.GetMethods()
            .Select(metadata.GetMethodDefinition)
            .Where(m => metadata.StringComparer.Equals(m.Name, ".ctor"))
            .Where(m => (m.Attributes & MethodAttributes.MemberAccessMask) == MethodAttributes.Public)
            .ToList();
        return constructors.Any(c => IsImporting(c) || ParameterCount(c) == 0)
            ? null
            : "has neither a public constructor without parameters nor a public one marked [ImportingConstructor]";
    }

    private int ParameterCount(MethodDefinition method)
    {
        var signature = metadata.GetBlobReader(method.Signature);
        signature.ReadSignatureHeader();
        return signature.ReadCompressedInteger();
    }

    private bool IsImporting(MethodDefinition constructor) =>
        constructor
            .GetCustomAttributes()
            .Any(h =>
                AttributeText.TypeOf(metadata, metadata.GetCustomAttribute(h))
                    is ("System.Composition", "ImportingConstructorAttribute")
            );

    private bool IsPublic(TypeDefinition type)
    {
        // Bounded, because hostile metadata can nest a type in itself.
        for (var depth = 0; depth < 16; depth++)
        {
            var visibility = type.Attributes & TypeAttributes.VisibilityMask;
            if (visibility != TypeAttributes.NestedPublic)
                return visibility == TypeAttributes.Public;
            type = metadata.GetTypeDefinition(type.GetDeclaringType());
        }
        return false;
    }

    private string FullName(TypeDefinition type)
    {
        var name = metadata.GetString(type.Name);
        for (var depth = 0; depth < 16 && !type.GetDeclaringType().IsNil; depth++)
        {
            type = metadata.GetTypeDefinition(type.GetDeclaringType());
            name = $"{metadata.GetString(type.Name)}+{name}";
        }
        var space = metadata.GetString(type.Namespace);
        return space.Length == 0 ? name : $"{space}.{name}";
    }
}
