using System.Text.Json.Nodes;
using KdPlugins.Torch;
using Xunit;

namespace KdPlugins.Core.Tests.Studies;

/// <summary>Everything that can be wrong in a study's file is refused in one line that says where.</summary>
public sealed class StudyReaderTests : IDisposable
{
    private readonly StudyMaker _maker = new();

    public void Dispose() => _maker.Dispose();

    [Fact]
    public void A_study_says_what_its_file_says()
    {
        var study = _maker.Read();
        Assert.Equal("small", study.Name);
        Assert.Equal([1, 2, 3], study.Seeds);
        Assert.Equal(["kd", "alone"], study.Arms.Select(a => a.Name));
        Assert.Equal(("result", "last"), (study.Measures[0].Name, study.Measures[0].State));
        Assert.Equal(("kd above alone", "result"), (study.Claims[0].Name, study.Claims[0].Measure));
        Assert.Null(study.SweepName);
        Assert.Empty(study.Levels);
    }

    public static TheoryData<string, string, string, string> Wrong =>
        new()
        {
            { "KDP0203", "seed", "[1]", "Did you mean 'seeds'" },
            { "KDP0206", "name", "\"Not Kebab\"", "kebab-case" },
            { "KDP0209", "seeds", "[1, 2, 1]", "seeds[2]" },
            { "KDP0206", "seeds", "[-1]", "seeds[0]" },
            { "KDP0206", "seeds", "[]", "seeds" },
            { "KDP0207", "seeds", "remove", "seeds" },
            { "KDP0207", "recipe", "remove", "no recipe" },
            { "KDP0205", "recipe", "3", "recipe" },
            { "KDP0210", "set", "{\"seed\": 3}", "the seeds are the study's" },
            { "KDP0220", "claims", "[{\"above\":\"kd\",\"below\":\"alon\"}]", "Did you mean 'alone'?" },
            { "KDP0220", "claims", "[{\"above\":\"kd\",\"below\":\"alone\",\"measure\":\"x\"}]", "no measure 'x'" },
            { "KDP0210", "claims", "[{\"above\":\"kd\",\"below\":\"kd\"}]", "an arm above itself" },
            { "KDP0220", "set", "{\"training.epochs\":\"${epoch}\"}", "no parameter or earlier preparation 'epoch'" },
            { "KDP0209", "parameters", "{\"teacher\":\"the same name\"}", "is a parameter too" },
            { "KDP0206", "parameters", "{\"Big Name\":\"x\"}", "kebab-case" },
            { "KDP0209", "measures", "[{\"name\":\"a\"},{\"name\":\"a\"}]", "the measure 'a' again" },
            { "KDP0206", "measures", "[{\"name\":\"a\",\"state\":\"first\"}]", "state" },
            {
                "KDP0209",
                "sweep",
                "{\"name\":\"epochs\",\"path\":\"training.epochs\",\"levels\":[2,4,2]}",
                "level 2 again"
            },
            { "KDP0207", "sweep", "{\"name\":\"epochs\",\"levels\":[2]}", "it changes nothing" },
            { "KDP0206", "sweep", "{\"name\":\"epochs\",\"path\":\"x\",\"levels\":[]}", "levels" },
        };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void What_is_wrong_is_named(string code, string key, string value, string says)
    {
        var error = Assert.ThrowsAny<KdException>(() =>
            _maker.Read(tree =>
            {
                tree.Remove(key);
                if (value != "remove")
                    tree[key] = JsonNode.Parse(value);
            })
        );
        Assert.Contains(says, error.Message);
        Assert.Contains(code, error.Message);
    }

    public static TheoryData<string, string, string> WrongArms =>
        new()
        {
            { "KDP0221", "{\"a\":{\"from\":\"b\"},\"b\":{\"from\":\"a\"}}", "made from itself" },
            { "KDP0220", "{\"a\":{\"from\":\"bb\"},\"b\":{}}", "no arm 'bb'" },
            { "KDP0224", "{\"No KD\":{},\"no kd\":{}}", "its folder is 'no-kd', as that of 'No KD' is" },
            { "KDP0224", "{\"prepare\":{}}", "its folder would be 'prepare'" },
            { "KDP0206", "{\"???\":{}}", "cannot name an arm" },
            { "KDP0206", "{\"a,b\":{}}", "no comma" },
            { "KDP0210", "{\"a\":{},\"b\":{\"from\":\"a\",\"recipe\":\"x.json\"}}", "both recipe and from" },
            { "KDP0210", "{\"a\":{\"set\":{\"seeds\":[4]}}}", "the seeds are the study's" },
            { "KDP0207", "{\"a\":{},\"b\":{\"of\":\"a\"}}", "a role beside" },
            { "KDP0210", "{\"a\":{},\"b\":{\"of\":\"a\",\"role\":\"x\",\"set\":{\"name\":\"y\"}}}", "beside \"of\"" },
            {
                "KDP0210",
                "{\"a\":{},\"b\":{\"of\":\"a\",\"role\":\"x\"},\"c\":{\"of\":\"b\",\"role\":\"x\"}}",
                "no runs of its own"
            },
            { "KDP0203", "{\"a\":{\"sets\":{}}}", "Did you mean 'set'?" },
        };

    [Theory]
    [MemberData(nameof(WrongArms))]
    public void What_is_wrong_with_arms_is_named(string code, string arms, string says)
    {
        var error = Assert.ThrowsAny<KdException>(() =>
            _maker.Read(tree =>
            {
                tree["arms"] = JsonNode.Parse(arms);
                tree.Remove("claims");
            })
        );
        Assert.Contains(says, error.Message);
        Assert.Contains(code, error.Message);
    }

    [Theory]
    [InlineData("{\"a\":{\"set\":{\"x\":\"${b}\"}},\"b\":{}}", "KDP0220", "'b'")]
    [InlineData("{\"a\":{\"set\":{\"x\":\"${a}\"}}}", "KDP0220", "'a'")]
    [InlineData("{\"b\":{\"each\":\"seed\"},\"a\":{\"set\":{\"x\":\"${b}\"}}}", "KDP0210", "one of per seed")]
    [InlineData("{\"A b\":{}}", "KDP0206", "kebab-case")]
    public void A_preparation_refers_to_earlier_ones_alone(string prepare, string code, string says)
    {
        var error = Assert.ThrowsAny<KdException>(() =>
            _maker.Read(tree =>
            {
                tree["prepare"] = JsonNode.Parse(prepare);
                tree["arms"]!["kd"]!.AsObject().Remove("set");
            })
        );
        Assert.Contains(code, error.Message);
        Assert.Contains(says, error.Message);
    }

    [Fact]
    public void What_is_no_JSON_or_no_file_is_refused_as_a_recipe_is()
    {
        var path = _maker.Write();
        File.WriteAllText(path, "{ \"name\": ");
        Assert.StartsWith("KDP0202", Assert.ThrowsAny<KdException>(() => StudyReader.ReadFile(path, ".")).Message);
        Assert.StartsWith(
            "KDP0211",
            Assert.ThrowsAny<KdException>(() => StudyReader.ReadFile(path + "x", ".")).Message
        );
    }

    [Fact]
    public void The_schema_takes_what_the_reader_takes_and_refuses_other_keys()
    {
        var schema = new Support.JsonSchemaChecker(JsonNode.Parse(StudySchema.Make())!.AsObject());
        Assert.Empty(schema.Check(Support.SampleRecipes.Tree(File.ReadAllText(_maker.Write()))));
        Assert.NotEmpty(
            schema.Check(
                Support.SampleRecipes.Tree(File.ReadAllText(_maker.Write(tree => tree["arm"] = new JsonObject())))
            )
        );
    }
}
