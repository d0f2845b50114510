using KdPlugins.Core.Tests.Support;
using KdPlugins.Torch;
using Xunit;

namespace KdPlugins.Core.Tests.Recipes;

/// <summary>What is wrong is named with code, path and place, all of it at once.</summary>
public sealed class RecipeFailureTests
{
    /// <summary>Changes of the full recipe that break it in one way: setting, code, path, part of the message.</summary>
    public static TheoryData<string, string, string, string> Broken =>
        new()
        {
            { "losses[1].id=ks", "KDP0201", "losses[1].id", "Did you mean 'kd'?" },
            { "strategy.id=unheard-of", "KDP0201", "strategy.id", "Known: offline, picky, supervised." },
            { "training.learningRate=1", "KDP0203", "training.learningRate", "belongs into 'training.optimiser'" },
            { "training.optimiser.batchSize=1", "KDP0203", "training.optimiser.batchSize", "belongs into 'training'" },
            { "training.schedule.seed=1", "KDP0203", "training.schedule.seed", "belongs to the recipe itself" },
            { "losses[1].temperature=2", "KDP0203", "losses[1].temperature", "belongs into 'losses[1].options'" },
            { "losses[1].wieght=2", "KDP0203", "losses[1].wieght", "Did you mean 'weight'?" },
            { "losses[1].options.weight=2", "KDP0203", "losses[1].options.weight", "stands beside \"options\"" },
            { "precision=fp16", "KDP0206", "precision", "take bf16, which is as short" },
            { "training.ema.decay=1", "KDP0206", "training.ema.decay", "0 to below 1" },
            { "training.maxMinutes=-1", "KDP0206", "training.maxMinutes", "from 0" },
            { "training.sampling=balance", "KDP0206", "training.sampling", "Did you mean 'balanced'?" },
            { "training.schedule.warmupSteps=5", "KDP0210", "training.schedule", "one of warmup, warmupSteps" },
            { "training.schedule.stepEpochs=0", "KDP0206", "training.schedule.stepEpochs", "from 1" },
            { "models.student.freeze={}", "KDP0205", "models.student.freeze", "the name of a module" },
            { "trainig.epochs=1", "KDP0203", "trainig", "Did you mean 'training'?" },
            { "models.student.options.depht=8", "KDP0203", "models.student.options.depht", "Did you mean 'depth'?" },
            { "training.epochs=three", "KDP0205", "training.epochs", "found \"three\", expected a whole number" },
            { "training.epochs=3.5", "KDP0205", "training.epochs", "found 3.5, expected a whole number" },
            { "losses[0]=7", "KDP0205", "losses[0]", "found 7, expected an object" },
            { "baseline=1", "KDP0205", "baseline", "expected true or false" },
            { "dataset=null", "KDP0206", "dataset", "found null, expected a value" },
            { "training.epochs=-1", "KDP0206", "training.epochs", "from 0 to 1000000" },
            { "training.optimiser.learningRate=0", "KDP0206", "training.optimiser.learningRate", "above 0 to 1000" },
            { "training.optimiser.name=sdg", "KDP0206", "training.optimiser.name", "Did you mean 'sgd'?" },
            {
                "models.student.options.activation=releu",
                "KDP0206",
                "models.student.options.activation",
                "one of relu, leaky-relu. Did you mean 'relu'?"
            },
            { "losses[0].weight=-0.1", "KDP0206", "losses[0].weight", "\"maximise\": true beside it" },
            {
                "prepare[0].losses[0].weight=-1",
                "KDP0206",
                "prepare[0].losses[0].weight",
                "makes 'cross-entropy' larger"
            },
            { "losses[0].maximise=true", "KDP0210", "losses[0].maximise", "a weight below 0" },
            { "losses[0].weight=1e999", "KDP0206", "losses[0].weight", "a finite number" },
            { "losses[1].options.temperature=0", "KDP0206", "losses[1].options.temperature", "above 0 to 100" },
            { "seed=99999999999999999999999999", "KDP0206", "seed", "a whole number from -9223372036854775808" },
            { "seeds=[]", "KDP0206", "seeds", "a length from 1 to 1000" },
            { "seeds=[1,-2]", "KDP0206", "seeds[1]", "a whole number from 0" },
            { "name=Not Kebab", "KDP0206", "name", "kebab-case" },
            { "device=gpu", "KDP0206", "device", "auto, cpu, cuda or cuda:N" },
            { "models.My_Role={\"like\":\"student\"}", "KDP0206", "models.My_Role", "kebab-case" },
            {
                "training.schedule.milestones=[0.5,0.4]",
                "KDP0206",
                "training.schedule.milestones[1]",
                "more than the share before it"
            },
            { "training.schedule.milestones=[1]", "KDP0206", "training.schedule.milestones[0]", "above 0 and below 1" },
            {
                "prepare[0].training.schedule.milestones=[0]",
                "KDP0206",
                "prepare[0].training.schedule.milestones[0]",
                "above 0"
            },
            { "prepare[0].training.epochs=-3", "KDP0206", "prepare[0].training.epochs", "from 0" },
            { "losses[0].id=null", "KDP0206", "losses[0].id", "found null" },
            { "losses[2].weight=1", "KDP0207", "losses[2].id", "missing" },
            { "models.third.weights=x", "KDP0207", "models.third", "an id, or like" },
            { "prepare[2].once=true", "KDP0207", "prepare[2]", "a role, or a strategy" },
            { "augmentations.studnet=[]", "KDP0208", "augmentations.studnet", "Did you mean 'student'?" },
            { "models.other.like=teecher", "KDP0208", "models.other.like", "Did you mean 'teacher'?" },
            { "prepare[0].role=nobody", "KDP0208", "prepare[0].role", "no model for the role 'nobody'" },
            { "seeds=[4,5,4]", "KDP0209", "seeds[2]", "the seed 4 again" },
            { "prepare[1].name=pretrain", "KDP0209", "prepare[1].name", "'pretrain' again" },
            { "prepare[1].name=main", "KDP0209", "prepare[1].name", "'main'" },
            { "sources.train={\"id\":\"shapes\"}", "KDP0209", "sources.train", "the main data set has this one" },
            {
                "sources.validation={\"id\":\"shapes\"}",
                "KDP0210",
                "validation",
                "validation is described beside a source of that name"
            },
            { "models.other.id=cifar-resnet", "KDP0210", "models.other", "both id and like" },
            { "models.other.options.depth=8", "KDP0210", "models.other", "options beside like" },
            { "models.shared={\"like\":\"student\"}", "KDP0210", "models.shared", "another name" },
            { "training.optimiser.nesterov=true", "KDP0210", "training.optimiser.nesterov", "sgd with a momentum" },
            { "losses[9].id=kd", "KDP0212", "losses[9].id", "no such place" },
            { "name.first=x", "KDP0212", "name.first", "no such place" },
            { "training.epochs", "KDP0212", "", "path=value" },
            { "a..b=1", "KDP0212", "", "path=value" },
            { "training[x]=1", "KDP0212", "", "path=value" },
            { "training={oops", "KDP0202", "", "not JSON" },
            {
                "strategy={\"id\":\"picky\",\"options\":{\"low\":2}}",
                "KDP0215",
                "strategy.options",
                "low is above high"
            },
            {
                "strategy={\"id\":\"supervised\",\"options\":{\"role\":\"x\"}}",
                "KDP0301",
                "strategy",
                "needs the role 'x'"
            },
        };

    [Theory]
    [MemberData(nameof(Broken))]
    public void What_is_wrong_is_named(string setting, string code, string path, string message)
    {
        var failures = SampleRecipes.Failures(SampleRecipes.Full, setting);

        Assert.Contains(
            failures,
            f => f.Code.Id == code && f.Path == path && f.Sentence.Contains(message, StringComparison.Ordinal)
        );
        Assert.All(failures, f => Assert.NotEmpty(f.Origin + f.Line));
    }

    [Fact]
    public void Line_and_column_are_those_of_the_text()
    {
        const string Text = "{\n  \"name\": \"é𝄞x\", \"device\": \"gpu\",\n\t\"nmae\": 1\n}";

        var failures = SampleRecipes.Failures(Text);

        var device = failures.Single(f => f.Path == "device");
        Assert.Equal(
            (2, Text.Split('\n')[1].IndexOf("\"gpu\"", StringComparison.Ordinal) + 1),
            (device.Line, device.Column)
        );
        var unknown = failures.Single(f => f.Path == "nmae");
        Assert.Equal((3, 2), (unknown.Line, unknown.Column));
    }

    [Fact]
    public void All_failures_come_at_once_in_the_order_of_the_text()
    {
        var text = SampleRecipes
            .Full.Replace("\"device\"", "\"devise\"", StringComparison.Ordinal)
            .Replace("3e2", "0", StringComparison.Ordinal)
            .Replace("\"id\": \"noise\"", "\"id\": \"nois\"", StringComparison.Ordinal)
            .Replace("\"temperature\": 2.5", "\"temperature\": \"hot\"", StringComparison.Ordinal)
            .Replace("\"epochs\": 4", "\"epochs\": -4", StringComparison.Ordinal)
            .Replace("\"role\": \"other\"", "\"role\": \"otter\"", StringComparison.Ordinal)
            .Replace("\"keep\": 3", "\"keep\": 3, \"keep\": 0", StringComparison.Ordinal);

        var e = Assert.Throws<RecipeException>(() => SampleRecipes.Read(text));

        Assert.Equal(
            [
                "KDP0203 devise",
                "KDP0206 dataset.options.samples",
                "KDP0201 generators.main.id",
                "KDP0205 losses[1].options.temperature",
                "KDP0206 training.epochs",
                "KDP0301 prepare[1].strategy",
                "KDP0208 prepare[1].role",
                "KDP0204 checkpoints.keep",
                "KDP0206 checkpoints.keep",
            ],
            e.Failures.Select(f => $"{f.Code.Id} {f.Path}")
        );
        Assert.Equal(e.Failures.OrderBy(f => f.Line).ThenBy(f => f.Column), e.Failures);
        Assert.Equal("KDP0203", e.Code.Id);
        Assert.StartsWith(
            "KDP0203 The recipe has 9 failures:\n  KDP0203 devise (line 5, column 3): unknown key 'devise'",
            e.Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void A_missing_section_hides_no_failure_of_the_others()
    {
        var failures = SampleRecipes.Failures(
            """{ "losses": [ { "id": "nope" }, 3 ], "training": { "epochs": "x" } }"""
        );

        Assert.Equal(
            ["dataset", "losses[0].id", "losses[1]", "models", "name", "strategy", "training.epochs"],
            failures.Select(f => f.Path).Order(StringComparer.Ordinal)
        );
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("{")]
    [InlineData("{ \"name\": }")]
    [InlineData("{} {}")]
    [InlineData("// nothing")]
    [InlineData("{ \"name\": \"\\ud800\" }")]
    [InlineData("{ \"seed\": NaN }")]
    [InlineData("{ \"seed\": 01 }")]
    public void What_is_not_JSON_is_named_as_such(string text)
    {
        var failure = Assert.Single(SampleRecipes.Failures(text));

        Assert.Equal("KDP0202", failure.Code.Id);
        Assert.True(failure.Line >= 1 && failure.Column >= 1);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"text\"")]
    [InlineData("17")]
    public void A_recipe_is_an_object(string text) =>
        Assert.Equal("KDP0205", Assert.Single(SampleRecipes.Failures(text)).Code.Id);

    [Fact]
    public void A_role_like_itself_is_a_contradiction()
    {
        var failures = SampleRecipes.Failures(
            SampleRecipes.Smallest,
            """models={"teacher":{"like":"student"},"student":{"like":"teacher"}}"""
        );

        Assert.Equal(["models.student.like", "models.teacher.like"], failures.Select(f => f.Path).Order());
        Assert.All(failures, f => Assert.Equal("KDP0210", f.Code.Id));
    }

    [Fact]
    public void Seed_and_seeds_exclude_each_other()
    {
        var text = SampleRecipes.Full.Replace("\"seeds\"", "\"seed\": 1, \"seeds\"", StringComparison.Ordinal);

        Assert.Equal("KDP0210", Assert.Single(SampleRecipes.Failures(text)).Code.Id);
    }

    [Fact]
    public void Two_ways_of_validation_exclude_each_other()
    {
        var text = SampleRecipes.Full.Replace(
            "\"count\": 50",
            "\"count\": 50, \"fraction\": 0.5",
            StringComparison.Ordinal
        );

        Assert.Equal("KDP0210", Assert.Single(SampleRecipes.Failures(text)).Code.Id);
    }

    [Fact]
    public void Depth_and_length_have_limits()
    {
        var deep = string.Concat(Enumerable.Repeat("[", 5000));
        var @long = SampleRecipes.Smallest + new string(' ', 1 << 20);

        Assert.Equal("KDP0214", Assert.Single(SampleRecipes.Failures(deep)).Code.Id);
        Assert.Equal("KDP0214", Assert.Single(SampleRecipes.Failures("{\"a\":" + deep)).Code.Id);
        Assert.Equal("KDP0214", Assert.Single(SampleRecipes.Failures(@long)).Code.Id);
    }

    [Theory]
    [InlineData("/nowhere/at/all.json", "there is no such file")]
    [InlineData("/", "it is a folder; name the recipe's file")]
    [InlineData("", "")]
    [InlineData("bad\0name", "")]
    public void A_file_that_cannot_be_read_is_named(string path, string why)
    {
        var e = Assert.Throws<KdException>(() =>
            RecipeReader.ReadFile(path, RecipeOverrides.None, SamplePlugins.Catalog())
        );

        Assert.Equal("KDP0211", e.Code.Id);
        Assert.Contains(why, e.Message);
    }

    [Fact]
    public void Invalid_UTF8_is_not_JSON()
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(file, [.. "{ \"name\": \""u8, 0xff, 0xfe, .. "\" }"u8]);

            var e = Assert.ThrowsAny<KdException>(() =>
                RecipeReader.ReadFile(file, RecipeOverrides.None, SamplePlugins.Catalog())
            );

            Assert.Equal("KDP0202", e.Code.Id);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void A_thousand_failures_are_all_there_and_forty_are_shown()
    {
        var keys = string.Join(",", Enumerable.Range(0, 1000).Select(i => $"\"key{i}\": 1"));

        var e = Assert.Throws<RecipeException>(() =>
            SampleRecipes.Read("{" + keys + "," + SampleRecipes.Smallest.TrimStart()[1..])
        );

        Assert.Equal(1000, e.Failures.Count);
        Assert.EndsWith("and 960 more.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_entry_of_the_catalogue_is_produced_by_these_tests_or_those_of_the_binder()
    {
        var produced = Broken
            .Select(row => (string)row[1])
            .Concat(["KDP0204", "KDP0211", "KDP0213", "KDP0214"])
            .Where(code => code.StartsWith("KDP02", StringComparison.Ordinal))
            .Distinct()
            .Order();

        Assert.Equal(RecipeErrors.All.Select(c => c.Id).Order(), produced);
        Assert.All(RecipeErrors.All, c => Assert.True(c.Title.Length > 0 && c.Remedy.EndsWith('.')));
    }
}
