using System.Text.Json.Nodes;
using KdPlugins.Core.Tests.Support;
using Xunit;

namespace KdPlugins.Core.Tests.Studies;

/// <summary>The studies that come with the product, against its plugins.</summary>
public sealed class ShippedStudiesTests : IDisposable
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "ShippedStudies");

    private readonly string _data = Directory.CreateTempSubdirectory("kd-study-data-").FullName;

    public static TheoryData<string> Studies =>
        [.. Directory.EnumerateFiles(Folder, "*.json").Select(f => Path.GetFileName(f)).Order()];

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Theory]
    [MemberData(nameof(Studies))]
    public void A_shipped_study_is_valid_for_reader_and_schema_and_every_recipe_of_it_fits(string file)
    {
        var path = Path.Combine(Folder, file);
        var study = StudyReader.ReadFile(path, Folder);
        var schema = new JsonSchemaChecker(JsonNode.Parse(StudySchema.Make())!.AsObject());
        Assert.Empty(schema.Check(SampleRecipes.Tree(File.ReadAllText(path))));
        var plan = StudyPlan.Make(
            study,
            new() { With = study.Parameters.Where(p => p.IsRequired).ToDictionary(p => p.Name, _ => _data) },
            Path.Combine(_data, "out"),
            ShippedPlugins.Catalog(),
            (text, _) =>
                new(Path.Combine(AppContext.BaseDirectory, "ShippedRecipes", $"{Path.GetFileName(text)}.json"), Folder)
        );
        Assert.True(study.Seeds.Count > 1, "One seed is no study.");
        Assert.NotEmpty(study.Claims);
        Assert.Equal(plan.Count, plan.Select(r => r.Folder).Distinct().Count());
        // Each arm is another experiment.
        var first = plan.Where(r => r.Arm is not null && r.Seed == study.Seeds[0]).ToList();
        Assert.Equal(first.Count, first.Select(r => Named(r.Recipe)).Distinct().Count());
    }

    private static string Named(Recipe recipe) => recipe.ToResolvedJson().Replace($"\"{recipe.Name}\"", "\"\"");
}
