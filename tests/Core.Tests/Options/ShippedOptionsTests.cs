using System.Reflection;
using System.Text.Json.Nodes;
using KdPlugins.Core.Tests.Support;
using KdPlugins.Testing;
using Xunit;

namespace KdPlugins.Core.Tests.Options;

/// <summary>The options of the plugins that come with the product.</summary>
public sealed class ShippedOptionsTests
{
    private static readonly TestCatalog Catalog = ShippedPlugins.Catalog();

    public static TheoryData<string> Plugins => [.. Catalog.Plugins.Select(p => $"{p.Kind}.{p.Id}".ToLowerInvariant())];

    private static PluginDescriptor Find(string name) =>
        Catalog.Plugins.Single(p => $"{p.Kind}.{p.Id}".ToLowerInvariant() == name);

    [Theory]
    [MemberData(nameof(Plugins))]
    public void Defaults_are_written_and_read_back_or_name_what_is_required(string name)
    {
        var type = Find(name).OptionsType;
        var json = OptionsBinder.ToJson(Activator.CreateInstance(type)!);
        try
        {
            Assert.Equal(json, OptionsBinder.ToJson(OptionsBinder.Bind(type, "{}", name)));
            Assert.Equal(json, OptionsBinder.ToJson(OptionsBinder.Bind(type, json, name)));
        }
        catch (RecipeException e)
        {
            Assert.All(e.Failures, f => Assert.Equal("KDP0207", f.Code.Id));
        }
    }

    [Theory]
    [MemberData(nameof(Plugins))]
    public void Every_option_is_described(string name)
    {
        var schema = JsonNode.Parse(RecipeSchema.Options(Find(name)))!;

        Assert.False((bool)schema["additionalProperties"]!);
        Assert.All(
            schema["properties"]!.AsObject(),
            p => Assert.True(p.Value!["description"]?.GetValue<string>().Length > 0, p.Key)
        );
    }

    // Without it a service lets a recipe read whatever the option names.
    [Theory]
    [MemberData(nameof(Plugins))]
    public void Every_option_that_names_a_file_or_folder_says_so(string name)
    {
        string[] endings = ["Path", "File", "Folder", "Directory", "Weights", "Checkpoint"];
        var paths = Properties(Find(name).OptionsType, 0)
            .Where(p => endings.Any(e => p.Name.EndsWith(e, StringComparison.Ordinal)));
        Assert.All(paths, p => Assert.NotNull(p.GetCustomAttribute<RecipePathAttribute>()));
        // Two are made up, and read nothing.
        if (
            name.StartsWith("dataset.", StringComparison.Ordinal)
            && name is not ("dataset.shapes" or "dataset.addition")
        )
            Assert.NotEmpty(paths);
    }

    private static IEnumerable<PropertyInfo> Properties(Type type, int depth) =>
        type.GetProperties()
            .SelectMany(p => IsText(p) || depth == 5 ? [p] : Properties(p.PropertyType, depth + 1).Where(IsText));

    private static bool IsText(PropertyInfo property) =>
        property.PropertyType == typeof(string) || typeof(IEnumerable<string>).IsAssignableFrom(property.PropertyType);
}
