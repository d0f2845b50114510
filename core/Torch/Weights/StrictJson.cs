using System.Text.Json;

namespace KdPlugins.Torch.Weights;

/// <summary>Small steps over a <see cref="Utf8JsonReader"/>; what is not as asked for is a <see cref="JsonException"/>.</summary>
internal static class StrictJson
{
    /// <summary>Options of the reader: no comments, no trailing commas, four levels.</summary>
    public static readonly JsonReaderOptions Options = new() { MaxDepth = 4 };

    public static void Expect(ref Utf8JsonReader json, JsonTokenType type, string place)
    {
        if (!json.Read() || json.TokenType != type)
        {
            throw new JsonException($"{place} must be {Describe(type)}, found {Describe(json.TokenType)}");
        }
    }

    /// <summary>Steps to the next property of the current object; false at its end.</summary>
    public static bool NextProperty(ref Utf8JsonReader json) =>
        json.Read()
            ? json.TokenType != JsonTokenType.EndObject
            : throw new JsonException("the text ends inside an object");

    /// <summary>The same, with the name as a string.</summary>
    public static bool NextProperty(ref Utf8JsonReader json, out string name)
    {
        bool found = NextProperty(ref json);
        name = found ? json.GetString()! : "";
        return found;
    }

    /// <summary>Reads an array of at most so many integers from 0 to 2^63 - 1.</summary>
    public static long[] Integers(ref Utf8JsonReader json, int most, string place)
    {
        Expect(ref json, JsonTokenType.StartArray, place);
        Span<long> numbers = stackalloc long[most];
        int count = 0;
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (
                json.TokenType != JsonTokenType.Number
                || !json.TryGetUInt64(out ulong number)
                || number > long.MaxValue
            )
            {
                throw new JsonException($"{place} must hold integers from 0 to {long.MaxValue}");
            }
            if (count == most)
            {
                throw new JsonException($"{place} must hold at most {most} integers");
            }
            numbers[count++] = (long)number;
        }
        return numbers[..count].ToArray();
    }

    /// <summary>Refuses anything but white space behind the last token.</summary>
    public static void ExpectEnd(ref Utf8JsonReader json)
    {
        if (json.Read())
        {
            throw new JsonException("there is text behind the object");
        }
    }

    private static string Describe(JsonTokenType type) =>
        type switch
        {
            JsonTokenType.StartObject => "an object",
            JsonTokenType.StartArray => "an array",
            JsonTokenType.String => "a string",
            JsonTokenType.Number => "a number",
            JsonTokenType.None => "nothing",
            _ => type.ToString(),
        };
}
