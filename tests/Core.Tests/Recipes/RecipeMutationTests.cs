using System.Text.Json.Nodes;
using KdPlugins.Core.Tests.Support;
using KdPlugins.Torch;
using Xunit;

namespace KdPlugins.Core.Tests.Recipes;

public sealed class RecipeMutationTests
{
    private const int Count = 20_000;

    /// <summary>Whatever is done to a recipe: it is valid, and then for the schema too, or one exception says why not.</summary>
    [Fact]
    public void A_damaged_recipe_is_valid_or_one_typed_failure()
    {
        var random = new Random(20_000);
        var catalog = SamplePlugins.Catalog();
        var schema = new JsonSchemaChecker(JsonNode.Parse(RecipeSchema.Make(catalog))!.AsObject());
        var whole = SampleRecipes.Tree(SampleRecipes.Full);
        var valid = 0;

        for (var i = 0; i < Count; i++)
        {
            var text = RecipeMaker.Damaged(i % 2 == 0 ? whole : RecipeMaker.Valid(random), random);
            // An enumeration's name counts in any case, which a schema cannot say: only damage to the structure is compared.
            var garbled = random.Next(8) == 0;
            if (garbled)
                text = RecipeMaker.Garbled(text, random);
            try
            {
                var recipe = SampleRecipes.Read(text, catalog);
                valid++;
                var complaints = garbled ? [] : schema.Check(SampleRecipes.Tree(text));
                Assert.True(
                    complaints.Count == 0,
                    $"The reader takes it, the schema says {string.Join("; ", complaints)}: {text}"
                );
                if (valid % 20 == 0)
                    Assert.Equal(recipe, SampleRecipes.Read(recipe.ToResolvedJson(), catalog));
            }
            catch (RecipeException e)
            {
                Assert.NotEmpty(e.Failures);
            }
            catch (Exception e) when (e is not Xunit.Sdk.XunitException)
            {
                Assert.Fail($"{e} for {text}");
            }
        }

        Assert.Equal(0, catalog.Live);
        // The mutations are of use only if they go both ways.
        Assert.InRange(valid, Count / 50, Count / 2);
    }
}
