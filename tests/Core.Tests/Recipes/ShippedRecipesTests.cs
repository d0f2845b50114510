using System.Text.Json.Nodes;
using KdPlugins.Core.Tests.Support;
using Xunit;

namespace KdPlugins.Core.Tests.Recipes;

/// <summary>The recipes that come with the product, against its plugins.</summary>
public sealed class ShippedRecipesTests
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "ShippedRecipes");

    public static TheoryData<string> Recipes =>
        [
            .. Directory
                .EnumerateFiles(Folder, "*.json", SearchOption.AllDirectories)
                .Select(f => Path.GetRelativePath(Folder, f))
                .Order(),
        ];

    [Theory]
    [MemberData(nameof(Recipes))]
    public void A_shipped_recipe_is_valid_for_reader_and_schema_and_reads_back(string file)
    {
        var catalog = ShippedPlugins.Catalog();
        var path = Path.Combine(Folder, file);
        var schema = new JsonSchemaChecker(JsonNode.Parse(RecipeSchema.Make(catalog))!.AsObject());

        var recipe = RecipeReader.ReadFile(path, RecipeOverrides.None, catalog);
        var resolved = recipe.ToResolvedJson();

        Assert.Empty(schema.Check(SampleRecipes.Tree(File.ReadAllText(path))));
        Assert.Empty(schema.Check(SampleRecipes.Tree(resolved)));
        Assert.Equal(recipe, RecipeReader.ReadText(resolved, recipe.Folder, RecipeOverrides.None, catalog));
    }
}
