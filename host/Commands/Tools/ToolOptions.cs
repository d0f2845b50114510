using System.CommandLine;
using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Core;

namespace KdPlugins.Host.Commands.Tools;

/// <summary>The options of a tool as those of a command, made from the schema of its options record.</summary>
internal sealed class ToolOptions
{
    private readonly List<(string Key, Option Option, Func<ParseResult, JsonNode?> Value)> _options = [];

    internal ToolOptions(PluginDescriptor tool)
    {
        var schema = JsonNode.Parse(RecipeSchema.Options(tool))!;
        var required = (schema["required"] as JsonArray ?? []).Select(r => r!.GetValue<string>()).ToHashSet();
        foreach (var (key, value) in schema["properties"] as JsonObject ?? [])
            _options.Add(One(key, value!.AsObject(), required.Contains(key), PromptOf(tool, key)));
    }

    internal IEnumerable<Option> All => _options.Select(o => o.Option);

    /// <summary>What was given, as JSON.</summary>
    internal string Read(ParseResult parsed) =>
        new JsonObject(
            _options
                .Where(o => parsed.GetResult(o.Option) is { Implicit: false })
                .Select(o => KeyValuePair.Create(o.Key, o.Value(parsed)))
        ).ToJsonString();

    private static (string, Option, Func<ParseResult, JsonNode?>) One(
        string key,
        JsonObject schema,
        bool isRequired,
        string? prompt
    )
    {
        return TypeOf(schema) switch
        {
            "boolean" => Of<bool>(flag => flag),
            "integer" => Of<long>(number => number),
            "number" => Of<double>(number => number),
            "string" => Of<string>(text => text),
            "array" when TypeOf(schema["items"]!) == "string" => Of<string[]>(texts => new JsonArray([
                .. texts.Select(t => JsonValue.Create(t)),
            ])),
            _ => Of<string>(Parsed),
        };

        (string, Option, Func<ParseResult, JsonNode?>) Of<T>(Func<T, JsonNode?> toJson)
        {
            var option = new Option<T>($"--{JsonNamingPolicy.KebabCaseLower.ConvertName(key)}")
            {
                Description = (string?)schema["description"],
                HelpName = prompt,
                Required = isRequired,
            };
            if (schema["default"] is JsonValue value && value.TryGetValue<T>(out var fallback) && fallback is not "")
                option.DefaultValueFactory = _ => fallback;
            return (key, option, parsed => toJson(parsed.GetValue(option)!));
        }
    }

    // Of options that no word can give; what is no JSON is left to the options' own check.
    private static JsonNode? Parsed(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return text;
        }
    }

    private static string? TypeOf(JsonNode schema) =>
        (string?)(schema["type"] is JsonArray { Count: > 0 } several ? several[0] : schema["type"]);

    private static string? PromptOf(PluginDescriptor tool, string key) =>
        tool
            .OptionsType.GetProperties()
            .FirstOrDefault(p => JsonNamingPolicy.CamelCase.ConvertName(p.Name) == key)
            ?.GetCustomAttribute<DisplayAttribute>()
            ?.Prompt;
}
