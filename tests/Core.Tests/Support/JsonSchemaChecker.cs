using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace KdPlugins.Core.Tests.Support;

/// <summary>The part of JSON Schema 2020-12 that the schema of recipes uses, straight from the specification.</summary>
public sealed class JsonSchemaChecker(JsonObject root)
{
    private static readonly HashSet<string> Known =
    [
        "$schema",
        "$ref",
        "$defs",
        "title",
        "description",
        "default",
        "type",
        "enum",
        "enumDescriptions",
        "const",
        "properties",
        "required",
        "additionalProperties",
        "propertyNames",
        "items",
        "minItems",
        "maxItems",
        "minLength",
        "maxLength",
        "pattern",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "allOf",
        "anyOf",
        "if",
        "then",
    ];

    /// <summary>The paths at which the value breaks the schema; empty for a valid one.</summary>
    public IReadOnlyList<string> Check(JsonNode? value)
    {
        var errors = new List<string>();
        Check(root, value, "$", errors);
        return errors;
    }

    private bool Passes(JsonNode schema, JsonNode? value)
    {
        var errors = new List<string>();
        Check(schema, value, "$", errors);
        return errors.Count == 0;
    }

    private void Check(JsonNode schema, JsonNode? value, string path, List<string> errors)
    {
        if (schema is JsonValue flag)
        {
            if (!flag.GetValue<bool>())
                errors.Add(path);
            return;
        }
        var rules = schema.AsObject();
        foreach (var (word, rule) in rules)
        {
            if (!Known.Contains(word))
                throw new InvalidOperationException($"The schema uses '{word}', which this checker does not know.");
            if (!Holds(word, rule!, rules, value, path, errors))
                errors.Add($"{path}: {word}");
        }
    }

    private bool Holds(string word, JsonNode rule, JsonObject rules, JsonNode? value, string path, List<string> errors)
    {
        switch (word)
        {
            case "$ref":
                Check(root["$defs"]![rule.GetValue<string>()["#/$defs/".Length..]]!, value, path, errors);
                return true;
            case "type":
                return rule is JsonArray types
                    ? types.Any(t => Is(t!.GetValue<string>(), value))
                    : Is(rule.GetValue<string>(), value);
            case "enum":
                return rule.AsArray().Any(item => JsonNode.DeepEquals(item, value));
            case "const":
                return JsonNode.DeepEquals(rule, value);
            case "allOf":
                foreach (var part in rule.AsArray())
                    Check(part!, value, path, errors);
                return true;
            case "anyOf":
                return rule.AsArray().Any(part => Passes(part!, value));
            case "if":
                if (Passes(rule, value))
                    Check(rules["then"]!, value, path, errors);
                return true;
            default:
                return value switch
                {
                    JsonObject o => OfObject(word, rule, rules, o, path, errors),
                    JsonArray a => OfArray(word, rule, a, path, errors),
                    JsonValue v => OfScalar(word, rule, v),
                    _ => true,
                };
        }
    }

    private bool OfObject(
        string word,
        JsonNode rule,
        JsonObject rules,
        JsonObject value,
        string path,
        List<string> errors
    )
    {
        switch (word)
        {
            case "properties":
                foreach (var (name, part) in rule.AsObject())
                    if (value.ContainsKey(name))
                        Check(part!, value[name], $"{path}.{name}", errors);
                return true;
            case "required":
                return rule.AsArray().All(name => value.ContainsKey(name!.GetValue<string>()));
            case "additionalProperties":
                foreach (var (name, part) in value)
                    if (rules["properties"]?.AsObject().ContainsKey(name) != true)
                        Check(rule, part, $"{path}.{name}", errors);
                return true;
            case "propertyNames":
                foreach (var (name, _) in value)
                    Check(rule, JsonValue.Create(name), $"{path}.{name}", errors);
                return true;
            default:
                return true;
        }
    }

    private bool OfArray(string word, JsonNode rule, JsonArray value, string path, List<string> errors)
    {
        switch (word)
        {
            case "items":
                for (var i = 0; i < value.Count; i++)
                    Check(rule, value[i], $"{path}[{i}]", errors);
                return true;
            case "minItems":
                return value.Count >= rule.GetValue<int>();
            case "maxItems":
                return value.Count <= rule.GetValue<int>();
            default:
                return true;
        }
    }

    private static bool OfScalar(string word, JsonNode rule, JsonValue value)
    {
        if (value.GetValueKind() == JsonValueKind.String)
        {
            var text = value.GetValue<string>();
            return word switch
            {
                "minLength" => text.Length >= rule.GetValue<int>(),
                "maxLength" => text.Length <= rule.GetValue<int>(),
                "pattern" => Regex.IsMatch(text, rule.GetValue<string>()),
                _ => true,
            };
        }
        if (value.GetValueKind() != JsonValueKind.Number)
            return true;
        var number = Number(value);
        return word switch
        {
            "minimum" => number >= Number(rule),
            "maximum" => number <= Number(rule),
            "exclusiveMinimum" => number > Number(rule),
            "exclusiveMaximum" => number < Number(rule),
            _ => true,
        };
    }

    private static double Number(JsonNode node) =>
        double.Parse(node.ToJsonString(), System.Globalization.CultureInfo.InvariantCulture);

    private static bool Is(string type, JsonNode? value) =>
        type switch
        {
            "null" => value is null,
            "object" => value is JsonObject,
            "array" => value is JsonArray,
            _ => value is JsonValue v
                && v.GetValueKind() switch
                {
                    JsonValueKind.String => type == "string",
                    JsonValueKind.True or JsonValueKind.False => type == "boolean",
                    JsonValueKind.Number => type == "number" || (type == "integer" && Number(v) % 1 == 0),
                    _ => false,
                },
        };
}
