using System.ComponentModel.DataAnnotations;
using KdPlugins.Core.Tests.Support;
using Xunit;

namespace KdPlugins.Core.Tests.Recipes;

/// <summary>Values that may be written in two forms: a path or a section, one or several.</summary>
public sealed class WeightsSectionTests
{
    private static WeightsSection Weights(string value) =>
        SampleRecipes.Read(SampleRecipes.Smallest, $"models.teacher.weights={value}").Model("teacher").Weights;

    private static RecipeFailure Failure(string value) =>
        Assert.Single(Assert.Throws<RecipeException>(() => Weights(value)).Failures);

    [Fact]
    public void A_path_is_a_section_that_says_nothing_else()
    {
        foreach (
            var written in (string[])["t.pth", """{"path":"t.pth"}""", """{"path":"t.pth","head":"keep","rename":{}}"""]
        )
        {
            var recipe = SampleRecipes.Read(SampleRecipes.Smallest, $"models.teacher.weights={written}");
            Assert.Equal(WeightsSection.Of("t.pth"), recipe.Model("teacher").Weights);
            Assert.Contains("\"weights\": \"t.pth\"", recipe.ToResolvedJson());
            Assert.Equal(
                SampleRecipes.Read(SampleRecipes.Smallest, "models.teacher.weights=t.pth").Identity(),
                recipe.Identity()
            );
        }
    }

    [Fact]
    public void A_section_arrives_whole_and_reads_back_as_itself()
    {
        const string Section =
            """{"path":"t.pth","prefix":"student.","rename":{"layers.*.attn":"blocks.*.attention"},"strict":false,"head":"replace"}""";
        var recipe = SampleRecipes.Read(SampleRecipes.Smallest, $"models.teacher.weights={Section}");
        var weights = recipe.Model("teacher").Weights;
        Assert.Equal(
            ("t.pth", "student.", false, "replace"),
            (weights.Path, weights.Prefix, weights.Strict, weights.Head)
        );
        Assert.Equal("blocks.*.attention", weights.Rename["layers.*.attn"]);
        Assert.False(weights.IsPlain);
        var again = SampleRecipes.Read(recipe.ToResolvedJson());
        Assert.Equal(recipe, again);
        Assert.Equal(recipe.Identity(), again.Identity());
        Assert.NotEqual(
            SampleRecipes.Read(SampleRecipes.Smallest, "models.teacher.weights=t.pth").Identity(),
            recipe.Identity()
        );
    }

    [Theory]
    [InlineData("""{"path":"t.pth","prefix":"a"}""")]
    [InlineData("""{"path":"t.pth","rename":{"a":"b"}}""")]
    [InlineData("""{"path":"t.pth","strict":false}""")]
    [InlineData("""{"path":"t.pth","head":"replace"}""")]
    public void What_a_section_says_beside_its_path_is_not_lost(string section)
    {
        var recipe = SampleRecipes.Read(SampleRecipes.Smallest, $"models.teacher.weights={section}");
        Assert.Equal(recipe, SampleRecipes.Read(recipe.ToResolvedJson()));
        Assert.NotEqual(WeightsSection.Of("t.pth"), recipe.Model("teacher").Weights);
    }

    [Theory]
    [InlineData("""{"prefix":"a"}""", "KDP0207", "models.teacher.weights.path")]
    [InlineData("""{"path":""}""", "KDP0206", "models.teacher.weights.path")]
    [InlineData("""{"path":"a\u0000b"}""", "KDP0206", "models.teacher.weights.path")]
    [InlineData("3", "KDP0205", "models.teacher.weights.path")]
    [InlineData("[\"t.pth\"]", "KDP0205", "models.teacher.weights.path")]
    [InlineData("""{"path":"t","head":"new"}""", "KDP0206", "models.teacher.weights.head")]
    [InlineData("""{"path":"t","prefx":"a"}""", "KDP0203", "models.teacher.weights.prefx")]
    [InlineData("""{"path":"t","rename":{"a.*":"b"}}""", "KDP0206", "models.teacher.weights.rename")]
    [InlineData("""{"path":"t","rename":{"a":3}}""", "KDP0205", "models.teacher.weights.rename.a")]
    [InlineData("""{"path":"t","rename":null}""", "KDP0205", "models.teacher.weights.rename")]
    public void What_is_no_section_is_refused_where_it_is(string value, string code, string path)
    {
        var failure = Failure(value);
        Assert.Equal((code, path), (failure.Code.Id, failure.Path));
    }

    public sealed record Sized
    {
        [OneOrMany, ImageSize(0, 64)]
        public IReadOnlyList<int> Size { get; init; } = [8];

        [OneOrMany, MinLength(1)]
        public IReadOnlyList<string> Names { get; init; } = ["a"];
    }

    [Theory]
    [InlineData("{}", """{"size":8,"names":"a"}""")]
    [InlineData("""{"size":[32],"names":["b"]}""", """{"size":32,"names":"b"}""")]
    [InlineData("""{"size":[32,48],"names":["b","c"]}""", """{"size":[32,48],"names":["b","c"]}""")]
    [InlineData("""{"size":0}""", """{"size":0,"names":"a"}""")]
    public void One_of_many_is_written_alone(string text, string json) =>
        Assert.Equal(json, OptionsBinder.ToJson(OptionsBinder.Bind(typeof(Sized), text, "The options")));

    [Theory]
    [InlineData("""{"size":65}""", "KDP0206")]
    [InlineData("""{"size":[0,32]}""", "KDP0206")]
    [InlineData("""{"size":[8,8,8]}""", "KDP0206")]
    [InlineData("""{"size":[]}""", "KDP0206")]
    [InlineData("""{"size":"8"}""", "KDP0205")]
    [InlineData("""{"size":{"height":8}}""", "KDP0205")]
    [InlineData("""{"size":null}""", "KDP0205")]
    [InlineData("""{"names":[]}""", "KDP0206")]
    public void What_is_no_size_is_refused(string text, string code) =>
        Assert.Equal(
            code,
            Assert.Throws<RecipeException>(() => OptionsBinder.Bind(typeof(Sized), text, "The options")).Code.Id
        );
}
