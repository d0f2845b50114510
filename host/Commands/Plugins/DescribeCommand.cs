using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Loading.Listing;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Plugins;

/// <summary>kd describe ID.</summary>
internal static class DescribeCommand
{
    internal static Command Make(Screen screen)
    {
        var id = new Argument<string>("ID") { Description = "The id of a plugin." };
        var plugins = CommonOptions.Plugins();
        var command = new Command("describe", "Shows what a plugin is and the options that it takes.") { id, plugins };
        command.SetAction(parsed =>
        {
            using var host = PluginHost.Load(parsed.GetValue(plugins));
            var wanted = parsed.GetRequiredValue(id);
            var found = host.Catalog.Plugins.Where(p => p.Id == wanted).ToList();
            if (found.Count == 0)
                throw Unknown(host, wanted);
            foreach (var plugin in found)
            {
                var options = JsonNode.Parse(RecipeSchema.Options(plugin))!.AsObject();
                var values = MeterValues(host, plugin);
                screen.Tell(() => Json(plugin, options, values), () => Text(plugin, options, values) + "\n");
            }
            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>The failure for an id that no usable plugin has.</summary>
    internal static Exception Unknown(PluginHost host, string id)
    {
        // Says whether it was refused, or which id may have been meant.
        var why = host.Catalog.Statuses.FirstOrDefault(s => s.Id == id);
        var error = UnknownPlugin.Error(
            why?.Kind ?? PluginKind.Loss,
            id,
            host.Catalog.Plugins.Select(p => p.Id).Distinct(),
            why?.Reason is { } reason ? [$"The one in '{why.Folder}' cannot be used: {reason}"] : []
        );
        var general = new KdException(
            error.Code,
            why is null
                ? error.Detail.Replace("no loss '", "no plugin '").Replace("No loss is", "No plugin is")
                : error.Detail
        );
        ExitCodes.Mark(general, why is null ? ExitCodes.BadRecipe : ExitCodes.PluginRefused);
        return general;
    }

    // What a meter measures is said by an instance; one that needs options says nothing.
    private static IReadOnlyList<MeterValue> MeterValues(PluginHost host, PluginDescriptor plugin)
    {
        if (plugin.Kind != PluginKind.Meter)
            return [];
        try
        {
            using var made = RecipePlugins.Create(host.Catalog, plugin.Kind, new(plugin.Id, "{}"));
            return [.. ((IMeter)made.Plugin).Values];
        }
        catch (KdException)
        {
            return [];
        }
    }

    private static JsonObject Json(PluginDescriptor plugin, JsonObject options, IReadOnlyList<MeterValue> values)
    {
        var json = new JsonObject
        {
            ["event"] = "plugin",
            ["kind"] = PluginReport.Name(plugin.Kind),
            ["id"] = plugin.Id,
            ["version"] = plugin.Version,
            ["description"] = plugin.Description,
            ["paper"] = plugin.Paper,
            ["assembly"] = plugin.Assembly,
            ["sha256"] = plugin.Sha256,
            ["options"] = options.DeepClone(),
        };
        if (plugin.Kind == PluginKind.Meter)
            json["values"] = new JsonArray([
                .. values.Select(v => new JsonObject
                {
                    ["name"] = v.Name,
                    ["unit"] = v.Unit,
                    ["higherIsBetter"] = v.HigherIsBetter,
                    ["isBasic"] = v.IsBasic,
                }),
            ]);
        return json;
    }

    private static string Text(PluginDescriptor plugin, JsonObject options, IReadOnlyList<MeterValue> values)
    {
        var text = new StringBuilder();
        text.AppendLine($"{PluginReport.Name(plugin.Kind)} '{plugin.Id}' {plugin.Version}: {plugin.Description}");
        if (plugin.Paper.Length > 0)
            text.AppendLine($"paper: {plugin.Paper}");
        text.AppendLine($"assembly: {plugin.Assembly}, sha256 {plugin.Sha256}");
        if (values.Count > 0)
            text.AppendLine("values:");
        foreach (var value in values)
            text.AppendLine($"  {Value(value)}");
        if (options["properties"] is not JsonObject { Count: > 0 } properties)
            return text.AppendLine("It takes no options.").ToString();
        var required = (options["required"] as JsonArray)?.Select(r => r!.GetValue<string>()).ToHashSet() ?? [];
        text.AppendLine("options:");
        foreach (var (name, value) in properties)
            Option(text, name, value!.AsObject(), required.Contains(name));
        return text.ToString();
    }

    private static string Value(MeterValue value)
    {
        var unit = value.Unit.Length == 0 ? "" : $"{value.Unit}, ";
        return $"{value.Name}: {unit}{(value.HigherIsBetter ? "higher" : "lower")} is better{(value.IsBasic ? "" : ", where a recipe names meters or what chooses")}";
    }

    private static void Option(StringBuilder text, string name, JsonObject schema, bool isRequired)
    {
        var fallback = schema["default"] is { } value ? $", default {value.ToJsonString()}" : "";
        text.AppendLine($"  {name}: {TypeOf(schema)}{Bounds(schema)}{(isRequired ? ", required" : fallback)}");
        if (schema["description"] is { } description)
            text.AppendLine($"      {description.GetValue<string>()}");
    }

    private static string TypeOf(JsonObject schema)
    {
        if (schema["enum"] is JsonArray values)
            return $"one of {string.Join(", ", values.Where(v => v is not null).Select(v => v!.ToJsonString()))}";
        if (schema["anyOf"] is JsonArray { Count: > 0 } either)
            return string.Join(" or ", either.Select(e => TypeOf(e!.AsObject())).Where(t => t != "null").Distinct());
        var type = schema["type"] is JsonArray several
            ? several[0]!.GetValue<string>()
            : schema["type"]?.GetValue<string>();
        return type == "array" && schema["items"] is JsonObject items ? $"array of {TypeOf(items)}" : type ?? "any";
    }

    private static string Bounds(JsonObject schema)
    {
        // Those of the shorter form: the other one repeats them.
        if (schema["anyOf"] is JsonArray { Count: > 0 } either)
            return Bounds(either[0]!.AsObject());
        var text = new StringBuilder();
        foreach (
            var (key, words) in ((string, string)[])
                [
                    ("minimum", "at least"),
                    ("exclusiveMinimum", "above"),
                    ("maximum", "at most"),
                    ("exclusiveMaximum", "below"),
                    ("minLength", "at least so many characters:"),
                    ("maxLength", "at most so many characters:"),
                    ("minItems", "at least so many items:"),
                    ("maxItems", "at most so many items:"),
                    ("pattern", "matching"),
                ]
        )
            if (schema[key] is { } bound)
                text.Append($", {words} {bound}");
        return text.ToString();
    }
}
