using System.Globalization;

namespace KdPlugins.Torch.Stable;

/// <summary>What a type of an operator's schema carries.</summary>
internal enum SchemaKind
{
    Tensor,
    Int,
    Float,
    Bool,
    Text,
    Dtype,

    /// <summary>A type that the stable interface, or this class, passes only as its default None.</summary>
    OnlyNone,
}

/// <summary>One parameter of an operator's schema.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its type as written, such as <c>SymInt[2]</c>.</param>
/// <param name="Kind">What it carries.</param>
/// <param name="IsList">Whether it is a list.</param>
/// <param name="Length">The length of a list that has a fixed one, else 0; a single number then stands for all.</param>
/// <param name="AllowsNone">Whether it may be None as a whole.</param>
/// <param name="AllowsNoneItems">Whether an item of the list may be None.</param>
/// <param name="Default">The default, where it has one.</param>
internal sealed record SchemaParameter(
    string Name,
    string Type,
    SchemaKind Kind,
    bool IsList,
    int Length,
    bool AllowsNone,
    bool AllowsNoneItems,
    StableArgument? Default
);

/// <summary>An operator's declaration in the words of PyTorch's <c>native_functions.yaml</c>, taken apart.</summary>
internal sealed record StableSchema(
    string Text,
    string Name,
    string Overload,
    IReadOnlyList<SchemaParameter> Parameters,
    int Results,
    bool ResultIsList
)
{
    /// <summary>Reads a declaration.</summary>
    /// <exception cref="FormatException">What cannot be read or cannot be called.</exception>
    internal static StableSchema Parse(string text)
    {
        var open = text.IndexOf('(');
        var arrow = text.LastIndexOf(") -> ", StringComparison.Ordinal);
        if (open <= 0 || arrow < open)
            throw new FormatException("it has not the form namespace::name.overload(parameters) -> results");
        var name = text[..open];
        if (name.Split("::") is not [{ Length: > 0 }, { Length: > 0 } bare])
            throw new FormatException("its name has no namespace, such as aten::");
        var dot = bare.IndexOf('.');
        var overload = dot < 0 ? "" : bare[(dot + 1)..];
        var (results, isList) = ReadResults(text[(arrow + 5)..].Trim());
        return new(
            text,
            dot < 0 ? name : name[..^(overload.Length + 1)],
            overload,
            [.. SplitList(text[(open + 1)..arrow]).Where(p => p != "*").Select(ReadParameter)],
            results,
            isList
        );
    }

    private static (int Count, bool IsList) ReadResults(string text)
    {
        var items = text.StartsWith('(') && text.EndsWith(')') ? SplitList(text[1..^1]).ToList() : [text];
        var types = items.ConvertAll(i => WithoutAlias(i).Split(' ')[0]);
        if (types is ["Tensor[]"])
            return (1, true);
        return types.TrueForAll(t => t == "Tensor")
            ? (types.Count, false)
            : throw new FormatException($"its results {text} are not all tensors");
    }

    private static SchemaParameter ReadParameter(string text)
    {
        var equals = text.IndexOf('=');
        var declared = (equals < 0 ? text : text[..equals]).Trim();
        var space = declared.LastIndexOf(' ');
        if (space < 0)
            throw new FormatException($"the parameter '{text}' has not the form Type name");
        var (type, name) = (declared[..space], declared[(space + 1)..]);
        var rest = WithoutAlias(type);
        var allowsNone = rest.EndsWith('?');
        if (allowsNone)
            rest = rest[..^1];
        var (isList, length) = (false, 0);
        if (rest.EndsWith(']'))
        {
            var bracket = rest.IndexOf('[');
            isList = true;
            length = rest[bracket..] == "[]" ? 0 : int.Parse(rest[(bracket + 1)..^1], CultureInfo.InvariantCulture);
            rest = rest[..bracket];
        }
        var allowsNoneItems = isList && rest.EndsWith('?');
        if (allowsNoneItems)
            rest = rest[..^1];
        var kind = KindOf(rest);
        if (kind == SchemaKind.OnlyNone && !(allowsNone || allowsNoneItems))
            throw new FormatException($"the parameter '{text}' is of a type that cannot be passed");
        var plain = new SchemaParameter(name, type, kind, isList, length, allowsNone, allowsNoneItems, null);
        return equals < 0 ? plain : plain with { Default = ReadDefault(plain, text[(equals + 1)..]) };
    }

    private static SchemaKind KindOf(string type) =>
        type switch
        {
            "Tensor" => SchemaKind.Tensor,
            "int" or "SymInt" => SchemaKind.Int,
            "float" => SchemaKind.Float,
            "bool" => SchemaKind.Bool,
            "str" => SchemaKind.Text,
            "ScalarType" => SchemaKind.Dtype,
            _ => SchemaKind.OnlyNone,
        };

    private static StableArgument ReadDefault(SchemaParameter parameter, string text) =>
        (parameter.Kind, text) switch
        {
            (_, "None") => StableArgument.None,
            (_, "[]") => Array.Empty<long>(),
            (SchemaKind.Int, "Mean") => 1,
            (SchemaKind.Int, "Sum") => 2,
            (SchemaKind.Bool, "True") => true,
            (SchemaKind.Bool, "False") => false,
            (SchemaKind.Text, _) => text.Trim('"', '\''),
            (SchemaKind.Int, ['[', .. var items, ']']) => items
                .Split(',')
                .Select(i => long.Parse(i, CultureInfo.InvariantCulture))
                .ToArray(),
            (SchemaKind.Int, _) when long.TryParse(text, CultureInfo.InvariantCulture, out var number) => number,
            (SchemaKind.Float, _) when double.TryParse(text, CultureInfo.InvariantCulture, out var number) => number,
            _ => throw new FormatException($"the default {text} of '{parameter.Name}' cannot be read"),
        };

    // "Tensor(a!)" says that the tensor is written to; for a call it is a tensor.
    private static string WithoutAlias(string type)
    {
        var open = type.IndexOf('(');
        return open < 0 ? type : type[..open] + type[(type.IndexOf(')') + 1)..];
    }

    // Commas inside brackets and parentheses do not separate.
    private static IEnumerable<string> SplitList(string text)
    {
        var (depth, start) = (0, 0);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] is '(' or '[')
                depth++;
            else if (text[i] is ')' or ']')
                depth--;
            else if (text[i] == ',' && depth == 0)
            {
                yield return text[start..i].Trim();
                start = i + 1;
            }
        }
        if (text[start..].Trim() is { Length: > 0 } last)
            yield return last;
    }
}
