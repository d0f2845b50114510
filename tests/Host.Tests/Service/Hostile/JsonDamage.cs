using System.Text;
using System.Text.Json.Nodes;

namespace KdPlugins.Host.Tests.Service;

/// <summary>Damages JSON: mostly a value here and there, so that what is left is looked at closely; sometimes the text.</summary>
internal static class JsonDamage
{
    private static readonly string[] Values =
    [
        "null",
        "true",
        "-1",
        "0",
        "1e308",
        "-0.0",
        "9223372036854775807",
        "1e-320",
        "\"\"",
        "\"NaN\"",
        "\"../../etc\"",
        "\"\\u0000\"",
        $"\"{Half}\"",
        "\"\u732b\"",
        "[]",
        "{}",
        "[[[[]]]]",
        "{\"id\":7}",
        "{\"id\":\"offline\",\"x\":1}",
        "[null]",
        "\"/dev/zero\"",
        "\"KD\"",
    ];

    // Half of a pair of surrogates, which no writer of JSON would let through.
    private const string Half = "@half@";

    /// <summary>The text with one to four things done to it.</summary>
    internal static string Damage(string text, Random random)
    {
        if (random.Next(6) == 0)
            return Garble(text, random);
        var root = JsonNode.Parse(text)!;
        for (var times = random.Next(1, 5); times > 0; times--)
            Change(root, random);
        return root.ToJsonString().Replace(Half, "\\ud800");
    }

    private static void Change(JsonNode root, Random random)
    {
        var places = Places(root).ToList();
        if (places.Count == 0)
            return;
        var at = places[random.Next(places.Count)];
        var value = Values[random.Next(Values.Length)];
        switch (at.Parent)
        {
            case JsonObject parent when random.Next(4) == 0:
                parent.Remove(at.GetPropertyName());
                break;
            case JsonObject parent when random.Next(4) == 0:
                parent[at.GetPropertyName() + "\u00e9x"[random.Next(2)]] = JsonNode.Parse("1");
                break;
            case JsonObject parent:
                parent[at.GetPropertyName()] = JsonNode.Parse(value);
                break;
            case JsonArray parent when random.Next(3) == 0:
                parent.RemoveAt(at.GetElementIndex());
                break;
            case JsonArray parent:
                parent[at.GetElementIndex()] = JsonNode.Parse(value);
                break;
        }
    }

    private static IEnumerable<JsonNode> Places(JsonNode node) =>
        (
            node switch
            {
                JsonObject o => o.Select(p => p.Value).OfType<JsonNode>(),
                JsonArray a => a.OfType<JsonNode>(),
                _ => [],
            }
        ).SelectMany(c => Places(c).Prepend(c));

    private static string Garble(string text, Random random)
    {
        var garbled = new StringBuilder(text);
        for (var times = random.Next(1, 4); times > 0 && garbled.Length > 1; times--)
        {
            var at = random.Next(garbled.Length);
            switch (random.Next(4))
            {
                case 0:
                    garbled[at] = (char)random.Next(256);
                    break;
                case 1:
                    garbled.Remove(at, Math.Min(garbled.Length - at, random.Next(1, 20)));
                    break;
                case 2:
                    garbled.Insert(at, "{}[]\",:0\\"[random.Next(9)]);
                    break;
                case 3:
                    garbled.Length = at;
                    break;
            }
        }
        return garbled.ToString();
    }
}
