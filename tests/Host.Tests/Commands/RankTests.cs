using System.Text.Json.Nodes;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>kd rank-augmentations.</summary>
[Collection("commands")]
public sealed class RankTests(RunTests.TinyRun tiny) : IClassFixture<RunTests.TinyRun>, IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    private string Teacher => Path.Combine(tiny.Folder, "teacher.safetensors");

    private KdResult Rank(string candidates, params string[] more) =>
        Kd.Call([
            "rank-augmentations",
            _kd.TinyRecipe(),
            "--candidates",
            candidates,
            "--teacher",
            Teacher,
            "--plugins",
            Kd.Plugins,
            .. more.Contains("--samples") ? [] : (string[])["--samples", "3200"],
            .. more,
        ]);

    [Fact]
    public void A_ranking_is_a_table_for_people_and_an_object_for_programs()
    {
        const string candidates = """identity,cutout,wide={"id":"cutout","options":{"size":2}},mixup""";
        var json = Rank(
            candidates,
            "--json",
            "--outcome",
            $"cutout={tiny.Folder}",
            "--outcome",
            $"mixup={tiny.Folder}"
        );
        Assert.True(json.ExitCode == 0, json.Error);
        Assert.Equal(["candidate", "candidate", "candidate", "candidate", "ranking"], Events(json));
        var ranking = json.Lines[^1];
        var rows = ranking["candidates"]!.AsArray();
        Assert.Equal(["cutout", "identity", "mixup", "wide"], rows.Select(r => r!["name"]!.GetValue<string>()).Order());
        var deviations = rows.Select(r => r!["deviation"]!.GetValue<double>()).ToList();
        Assert.Equal(deviations.Order(), deviations);
        Assert.All(rows, r => Assert.True(r!["lower"]!.GetValue<double>() <= r["upper"]!.GetValue<double>()));
        Assert.Equal(10, ranking["groups"]!.GetValue<int>());
        // One loss for both: nothing that a coefficient could be made of.
        Assert.Equal("NaN", ranking["correlation"]!["pearson"]!.GetValue<string>());

        var text = Rank(candidates);
        Assert.True(text.ExitCode == 0, text.Error);
        var best = rows[0]!["name"]!.GetValue<string>();
        Assert.Contains(text.Output.Split('\n'), l => l.StartsWith("1 ") && l.Contains(best));
        Assert.Contains("10 groups of 640 answers", text.Output);
        // More than all samples, so that the same ones come again.
        Assert.Contains("% of the training samples", text.Output);
        Assert.Contains((1000 * deviations[0]).ToString("0.000"), text.Output);
    }

    [Fact]
    public void What_cannot_be_ranked_ends_with_its_code_and_what_to_do()
    {
        Failed("cutmux", ExitCodes.BadRecipe, "KDP0201", "Candidate 'cutmux'", "Did you mean 'cutmix'");
        Failed("""a={"id":"cutout","options":{"sise":2}}""", ExitCodes.BadRecipe, "KDP0203", "Candidate 'a'", "sise");
        Failed("a=[{", ExitCodes.BadRecipe, "KDP02", "Candidate 'a'");
        Failed("a,a=cutout,a=mixup", ExitCodes.BadRecipe, "KDP02");
        Failed("cutout,cutout", ExitCodes.BadRecipe, "KDP0306", "2 times");
        var few = Rank("cutout", "--samples", "1");
        Assert.Equal(ExitCodes.BadRecipe, few.ExitCode);
        Assert.Contains("1 samples make 0 groups", few.Error);
        Assert.NotEqual(0, Kd.Call("rank-augmentations", _kd.TinyRecipe()).ExitCode);
        var untrained = Kd.Call(
            "rank-augmentations",
            _kd.TinyRecipe(),
            "--candidates",
            "a=cutout",
            "--plugins",
            Kd.Plugins
        );
        Assert.Equal(ExitCodes.BadRecipe, untrained.ExitCode);
        Assert.Contains("models.teacher.weights", untrained.Error);
        foreach (var outcome in (string[])["cutout", "mixup=x", $"cutout={_kd.At("none")}"])
            Assert.NotEqual(0, Rank("cutout", "--outcome", outcome).ExitCode);
        Assert.NotEqual(
            0,
            Rank("cutout", "--outcome", $"cutout={tiny.Folder}", "--outcome", $"cutout={tiny.Folder}").ExitCode
        );

        void Failed(string candidates, int exitCode, params string[] texts)
        {
            var result = Rank(candidates);
            Assert.Equal(exitCode, result.ExitCode);
            Assert.All(texts, t => Assert.Contains(t, result.Error));
            Assert.Empty(result.Output);
        }
    }

    private static IEnumerable<string> Events(KdResult result) =>
        result.Lines.Select(l => l["event"]!.GetValue<string>());
}
