using System.Text.Json.Nodes;
using FsCheck.Xunit;
using KdPlugins.Core.Tests.Support;
using Xunit;

namespace KdPlugins.Core.Tests.Recipes;

public sealed class RecipeRoundTripTests
{
    [Property(MaxTest = 150)]
    public void A_resolved_recipe_reads_back_as_itself(int seed)
    {
        var text = RecipeMaker.Valid(new Random(seed)).ToJsonString();

        var recipe = SampleRecipes.Read(text);
        var resolved = recipe.ToResolvedJson();
        var again = SampleRecipes.Read(resolved);

        Assert.Equal(recipe, again);
        Assert.Equal(resolved, again.ToResolvedJson());
        Assert.Equal(recipe.Identity(), again.Identity());
    }

    [Fact]
    public void Identity_ignores_layout_order_of_keys_and_folder_but_no_value()
    {
        var tree = SampleRecipes.Tree(SampleRecipes.Full);
        var turned = new JsonObject(tree.Reverse().Select(p => KeyValuePair.Create(p.Key, p.Value?.DeepClone())));
        var catalog = SamplePlugins.Catalog();

        var identity = SampleRecipes.Read(SampleRecipes.Full).Identity();

        Assert.Equal(64, identity.Length);
        Assert.Equal(identity, SampleRecipes.Read(turned.ToJsonString()).Identity());
        Assert.Equal(
            identity,
            RecipeReader.ReadText(SampleRecipes.Full, "/other", RecipeOverrides.None, catalog).Identity()
        );
        Assert.NotEqual(identity, SampleRecipes.Read(SampleRecipes.Full, "losses[1].options.top=4").Identity());
        Assert.NotEqual(identity, SampleRecipes.Read(SampleRecipes.Full, "training.optimiser.epsilon=2e-6").Identity());
    }

    /// <summary>A phase that says nothing has the main section's values, and one that says a default has that.</summary>
    [Fact]
    public void A_phase_keeps_what_it_says_beside_what_the_main_section_does()
    {
        var recipe = SampleRecipes.Read(
            SampleRecipes.Full,
            "prepare[0].training.ema.decay=0",
            "prepare[0].training.optimiser.rates={}",
            "training.optimiser.rates={\"conv1\":0.5}"
        );
        var again = SampleRecipes.Read(recipe.ToResolvedJson());

        Assert.Equal(recipe.Identity(), again.Identity());
        Assert.Equal([0, 0.99], again.Prepare.Take(2).Select(p => p.Training.Ema.Decay));
        Assert.Equal(["conv1", "*.bias"], again.Model("teacher").Freeze);
        Assert.Equal(0.5, again.Training.Optimiser.Rates["conv1"]);
        Assert.Empty(again.Prepare[0].Training.Optimiser.Rates);
    }

    /// <summary>What came later stands in no recipe that does not use it: runs from before go on.</summary>
    [Fact]
    public void Keys_that_say_nothing_are_not_written()
    {
        var resolved = SampleRecipes.Read(SampleRecipes.Smallest, "training.ema.decay=0").ToResolvedJson();

        foreach (
            var key in (string[])["ema", "earlyStopping", "rates", "layerDecay", "warmupSteps", "sampling", "freeze"]
        )
            Assert.DoesNotContain($"\"{key}\"", resolved);
    }

    [Fact]
    public void Writing_out_a_default_changes_nothing()
    {
        var plain = SampleRecipes.Read(SampleRecipes.Smallest);
        var written = SampleRecipes.Read(
            SampleRecipes.Smallest,
            "training.epochs=10",
            "losses[0].options.temperature=4.0",
            "validation.fraction=0.1",
            "seeds=[1]",
            "augmentations.teacher=[]"
        );

        Assert.Equal(plain, written);
        Assert.Equal(plain.Identity(), written.Identity());
    }
}
