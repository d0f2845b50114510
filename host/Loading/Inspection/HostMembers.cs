using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Metadata;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>What the host has of a member that is asked for.</summary>
/// <param name="IsMet">Whether it is there and may be used.</param>
/// <param name="Instead">What else is there under that name; empty for nothing.</param>
internal readonly record struct HostMember(bool IsMet, string Instead);

/// <summary>Looks a member up in a type of the host and in what it inherits from.</summary>
internal static class HostMembers
{
    private const int DeepestBase = 64;
    private const int MostShown = 3;

    /// <summary>
    /// The member of a name and signature. The arguments stand for the type's own parameters in it; without any they stand for
    /// themselves.
    /// </summary>
    internal static HostMember Find(
        HostType type,
        string name,
        string signature,
        bool isField,
        ImmutableArray<string> arguments = default
    )
    {
        List<string> others = [];
        var context = arguments.IsDefault ? [] : arguments;
        for (var depth = 0; depth < DeepestBase; depth++)
        {
            foreach (var (text, isUsable) in Named(type, name, isField, context))
            {
                if (text == signature && isUsable)
                    return new(true, "");
                others.Add(isUsable ? text : $"{text}, which is not public");
            }
            var definition = type.Assembly.Metadata.GetTypeDefinition(type.Handle);
            // Constructors are not inherited, and interfaces have no base but what is an interface of its own.
            if (name == ".ctor" || definition.BaseType.IsNil)
                break;
            var (parent, next) = TypeText.Open(type.Assembly.Metadata, definition.BaseType, context);
            if (type.Assembly.Follow(parent) is not { } found)
                // A base that nobody can look into: nothing can be said against the reference.
                return new(true, "");
            (type, context) = (found, next);
        }
        return new(false, string.Join(" and ", others.Distinct().Take(MostShown)));
    }

    private static IEnumerable<(string Text, bool IsUsable)> Named(
        HostType type,
        string name,
        bool isField,
        ImmutableArray<string> context
    )
    {
        var metadata = type.Assembly.Metadata;
        if (!isField)
            return type
                .Assembly.Methods(type.Handle, name)
                .Select(metadata.GetMethodDefinition)
                .Select(m => (TypeText.Member(metadata, name, m.Signature, context), IsUsable(m.Attributes)));
        return metadata
            .GetTypeDefinition(type.Handle)
            .GetFields()
            .Select(metadata.GetFieldDefinition)
            .Where(f => metadata.StringComparer.Equals(f.Name, name))
            .Select(f => (TypeText.Member(metadata, name, f.Signature, context), IsUsable(f.Attributes)));
    }

    private static bool IsUsable(MethodAttributes attributes) =>
        (attributes & MethodAttributes.MemberAccessMask)
            is MethodAttributes.Public
                or MethodAttributes.Family
                or MethodAttributes.FamORAssem;

    private static bool IsUsable(FieldAttributes attributes) =>
        (attributes & FieldAttributes.FieldAccessMask)
            is FieldAttributes.Public
                or FieldAttributes.Family
                or FieldAttributes.FamORAssem;
}
