using System.Diagnostics;
using System.Text.Json.Nodes;
using KdPlugins.Core;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Studies from their file to their page: whole, killed, gone on with, changed, and refused.</summary>
[Collection("commands")]
public sealed class StudyTests : IDisposable
{
    private const string Study = """
        {
          // What a teacher is worth on tiny shapes.
          "name": "tiny-study",
          "description": "Does the teacher help? <b>",
          "parameters": { "classes": { "description": "how many classes", "kind": "number" } },
          "seeds": [ 1, 2 ],
          "recipe": {
            "dataset": { "id": "shapes", "options": { "train": 64, "test": 32, "classes": "${classes}", "size": 8 } },
            "models": {
              "teacher": { "id": "cifar-resnet", "options": { "depth": 8 } },
              "student": { "id": "cifar-resnet", "options": { "depth": 8 } }
            },
            "losses": [ { "id": "cross-entropy", "weight": 0.1 }, { "id": "kd", "weight": 0.9 } ],
            "strategy": { "id": "offline" },
            "training": { "epochs": 1, "batchSize": 16 },
            "evaluation": { "everyEpochs": 0 },
            "checkpoints": { "everySteps": 1 }
          },
          "prepare": {
            "teacher": {
              "set": {
                "models.student": null,
                "strategy": { "id": "supervised", "options": { "role": "teacher" } },
                "losses": [ { "id": "cross-entropy" } ]
              }
            }
          },
          "arms": {
            "KD": { "description": "distilled", "set": { "models.teacher.weights": "${teacher}/teacher-last.safetensors" } },
            "alone": {
              "set": { "models.teacher": null, "strategy": { "id": "supervised" }, "losses": [ { "id": "cross-entropy" } ] }
            }
          },
          "claims": [ { "above": "KD", "below": "alone", "expected": "the teacher knows more" } ]
        }
        """;

    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    private string[] Args(string folder, params string[] more) =>
        [
            "study",
            File.Exists(_kd.At("study.json")) ? _kd.At("study.json") : _kd.Write("study.json", Study),
            "--out",
            _kd.At(folder),
            "--with",
            "classes=3",
            "--threads",
            "1",
            "--plugins",
            Kd.Plugins,
            .. more,
        ];

    private JsonObject Results(string folder) =>
        JsonNode.Parse(File.ReadAllText(_kd.At($"{folder}/study.json")))!.AsObject();

    // What a study found: numbers of arms and claims, to the last digit.
    private string Numbers(string folder) => $"{Results(folder)["arms"]}{Results(folder)["claims"]}";

    private static async Task<KdResult> Run(params string[] args)
    {
        using var process = Kd.Start(args);
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new(process.ExitCode, output, await error);
    }

    // SIGKILL once an arm's run has begun to train.
    private static async Task Kill(string[] args)
    {
        using var process = Kd.Start([.. args, "--json"]);
        while (await process.StandardOutput.ReadLineAsync() is { } line)
            if (line.Contains("\"arm\":\"KD\"") && line.Contains("started"))
                break;
        process.Kill();
        await process.WaitForExitAsync();
        Assert.NotEqual(0, process.ExitCode);
    }

    [Fact]
    public async Task A_study_that_is_killed_and_gone_on_with_finds_what_an_undisturbed_one_finds()
    {
        var whole = await Run(Args("whole", "--jobs", "2"));
        Assert.True(whole.ExitCode == 0, whole.Error + whole.Output);
        Assert.Contains("so far: ", whole.Output);
        await Kill(Args("killed"));
        var teacher = File.GetLastWriteTimeUtc(_kd.At("killed/prepare/teacher/report.json"));
        var rest = await Run("study", _kd.At("killed"), "--json", "--jobs", "2");
        Assert.True(rest.ExitCode == 0, rest.Error + rest.Output);
        Assert.Equal(Numbers("whole"), Numbers("killed"));
        // What was done stays, and the rest is told as it goes.
        Assert.Equal(teacher, File.GetLastWriteTimeUtc(_kd.At("killed/prepare/teacher/report.json")));
        Assert.Equal("study-done", (string?)rest.Lines[^1]["event"]);
        Assert.Equal(4, rest.Lines.Count(l => (string?)l["event"] == "study-run" && (string?)l["state"] == "done"));
        TheResultsAreThoseOfTheRuns("whole");
        ThePagesSayThem("whole");
        var again = Kd.Call("study", _kd.At("killed"), "--json");
        Assert.True(again.ExitCode == 0, again.Error);
        Assert.DoesNotContain(again.Lines, l => (string?)l["event"] == "study-run");
        ChangesAreRefused("killed");
    }

    private void TheResultsAreThoseOfTheRuns(string folder)
    {
        double Of(string arm, int seed) =>
            (double)
                JsonNode.Parse(File.ReadAllText(_kd.At($"{folder}/{arm}/seed-{seed}/report.json")))!["student"]![
                    "test_accuracy"
                ]!["last"]!;
        var arms = Results(folder)["arms"]!.AsArray();
        Assert.Equal([Of("kd", 1), Of("kd", 2)], arms[0]!["seeds"]!.AsObject().Select(s => (double)s.Value!));
        var claim = Results(folder)["claims"]![0]!;
        var (a, b) = (Of("kd", 1) - Of("alone", 1), Of("kd", 2) - Of("alone", 2));
        Assert.Equal((a + b) / 2, (double)claim["mean"]!, 1e-12);
        Assert.Equal(Math.Abs(a - b) / Math.Sqrt(2), (double)claim["std"]!, 1e-12);
        // Of two pairs: 12.7062 times the deviation by the root of two.
        Assert.Equal((a + b) / 2 - 12.7062047364 * Math.Abs(a - b) / 2, (double)claim["low"]!, 1e-9);
        Assert.Equal(2, (int)claim["n"]!);
    }

    private void ThePagesSayThem(string folder)
    {
        var table = File.ReadAllText(_kd.At($"{folder}/study.md"));
        Assert.Contains("| distilled (`KD`) | ", table);
        Assert.Contains("| KD above alone | ", table);
        var page = File.ReadAllText(_kd.At($"{folder}/study.html"));
        Assert.Contains("kd/seed-1/report.html", page);
        Assert.Contains("the teacher knows more", page);
        Assert.Contains("&lt;b&gt;", page);
        Assert.Equal(2, page.Split("<svg class=\"plot\"").Length - 1);
        Assert.True(File.Exists(_kd.At($"{folder}/kd/seed-1/report.html")));
    }

    private void ChangesAreRefused(string folder)
    {
        KdResult Refused(string old, string text, params string[] more)
        {
            _kd.Write("study.json", Study.Replace(old, text));
            return Kd.Call(Args(folder, more));
        }
        var changed = Refused("\"weight\": 0.9", "\"weight\": 0.8");
        Assert.Equal((ExitCodes.Damaged, 1), (changed.ExitCode, changed.Error.TrimEnd().Split('\n').Length));
        Assert.StartsWith("KDP0631 2 runs in ", changed.Error);
        Assert.Contains("losses[1].weight was 0.9, now it is 0.8", changed.Error);
        var limited = Refused("tiny-study", "tiny-study", "--max-steps-per-stage", "1");
        Assert.StartsWith("KDP0631 5 runs in ", limited.Error);
        Assert.StartsWith("KDP0630 ", Refused("tiny-study", "other-study").Error);
        // More seeds are more runs, and no change of those that are there.
        var more = Refused("[ 1, 2 ]", "[ 1, 2, 3 ]", "--dry-run", "--json");
        var runs = Assert.Single(more.Lines)["runs"]!.AsArray();
        Assert.Equal(5, runs.Count(r => (string?)r!["state"] == "done"));
        Assert.Equal(2, runs.Count(r => (string?)r!["state"] == "missing"));
        File.WriteAllText(_kd.At($"{folder}/study.json"), "{ \"name\": ");
        var damaged = Refused("tiny-study", "tiny-study");
        Assert.Equal(ExitCodes.Damaged, damaged.ExitCode);
        Assert.StartsWith("KDP0632 ", damaged.Error);
        File.WriteAllText(_kd.At($"{folder}/study.json"), "{}");
        Assert.StartsWith("KDP0632 ", Refused("tiny-study", "tiny-study").Error);
        // Without the record the finished runs are found again.
        File.Delete(_kd.At($"{folder}/study.json"));
        var found = Refused("tiny-study", "tiny-study");
        Assert.True(found.ExitCode == 0, found.Error);
        Assert.Equal(Numbers("whole"), Numbers(folder));
    }

    [Fact]
    public async Task A_run_that_fails_is_named_and_ends_no_other()
    {
        // Weights of another network: the run ends before its first step.
        _kd.Write(
            "study.json",
            Study.Replace(
                "\"KD\": {",
                "\"wide\": { \"set\": { \"models.teacher.options.depth\": 14, \"models.teacher.weights\": \"${teacher}/teacher-last.safetensors\" } }, \"KD\": {"
            )
        );
        var result = await Run(Args("failed", "--seeds", "1", "--arms", "wide,alone", "--jobs", "2"));
        Assert.StartsWith("KDP0633 1 of 3 runs failed. arm 'wide', seed 1: KDP", result.Error);
        Assert.NotEqual(0, result.ExitCode);
        var runs = Results("failed")["runs"]!.AsArray();
        Assert.Equal(
            "failed",
            (string?)runs.Single(r => (string?)r!["arm"] == "wide" && (int)r["seed"]! == 1)!["state"]
        );
        Assert.Equal(
            "done",
            (string?)runs.Single(r => (string?)r!["arm"] == "alone" && (int)r["seed"]! == 1)!["state"]
        );
        Assert.Contains("One seed gives no interval", File.ReadAllText(_kd.At("failed/study.md")));
        // The preparation itself: what needs it is not begun.
        _kd.Write(
            "study.json",
            Study.Replace("\"models.student\": null", "\"models.student\": null, \"device\": \"cuda:9\"")
        );
        var lacking = await Run(Args("lacking", "--seeds", "1", "--arms", "KD"));
        Assert.Contains("KDP0634 arm 'KD', seed 1 needs the preparation 'teacher', which failed.", lacking.Error);
        Assert.False(Directory.Exists(_kd.At("lacking/kd")));
    }

    [Fact]
    public void A_run_whose_recipe_changed_is_made_anew_when_told_and_the_old_one_kept()
    {
        _kd.Write("study.json", Study);
        string[] one = ["--arms", "alone", "--seeds", "1", "--max-steps-per-stage", "1"];
        Assert.Equal(0, Kd.Call(Args("out", one)).ExitCode);
        _kd.Write("study.json", Study.Replace("\"batchSize\": 16", "\"batchSize\": 8"));
        Assert.StartsWith("KDP0631 ", Kd.Call(Args("out", one)).Error);
        var redone = Kd.Call(Args("out", [.. one, "--redo"]));
        Assert.True(redone.ExitCode == 0, redone.Error);
        Assert.True(File.Exists(_kd.At("out/replaced/alone-seed-1-1/report.json")));
        Assert.True(File.Exists(_kd.At("out/alone/seed-1/report.json")));
        Assert.Contains("this is a trial, and no result", File.ReadAllText(_kd.At("out/study.md")));
    }

    [Theory]
    [InlineData("KDP0222", "classes (how many classes)", "--with", "")]
    [InlineData("KDP0220", "no arm 'kd'", "--arms", "kd")]
    [InlineData("KDP0220", "no seed 3", "--seeds", "1,3")]
    [InlineData("KDP0801", "'two' is no seed", "--seeds", "two")]
    [InlineData("KDP0801", "given twice", "--with", "classes=4")]
    [InlineData("KDP0801", "--jobs must be between", "--jobs", "0")]
    [InlineData("KDP0223", "a number is needed", "--with", "classes=many")]
    [InlineData("KDP0203", "unknown key 'trainin'", "--set", "trainin.epochs=2")]
    public void A_command_that_does_not_fit_is_refused_in_one_line(
        string code,
        string says,
        string option,
        string value
    )
    {
        var args = Args("refused").ToList();
        if (option == "--with" && code != "KDP0801")
            args[args.IndexOf("classes=3")] = value.Length > 0 ? value : "classes";
        else
            args.AddRange([option, value]);
        if (code == "KDP0222")
            args.RemoveRange(args.IndexOf("--with"), 2);
        var result = Kd.Call([.. args]);
        Assert.StartsWith(code == "KDP0203" ? "KDP02" : code, result.Error);
        Assert.Contains(says, result.Error);
        Assert.NotEqual(0, result.ExitCode);
        if (code != "KDP0203")
            Assert.Single(result.Error.TrimEnd().Split('\n'));
        Assert.False(Directory.Exists(_kd.At("refused")));
    }

    [Fact]
    public void A_folder_that_is_none_of_a_study_is_refused()
    {
        Directory.CreateDirectory(_kd.At("full"));
        File.WriteAllText(_kd.At("full/thesis.tex"), "");
        var full = Kd.Call(Args("full"));
        Assert.Equal(ExitCodes.Folder, full.ExitCode);
        Assert.StartsWith("KDP0802 ", full.Error);
        Assert.Contains("thesis.tex", full.Error);
        File.WriteAllText(_kd.At("file"), "");
        Assert.StartsWith("KDP0802 ", Kd.Call(Args("file")).Error);
        var nowhere = Kd.Call([.. Args("x").Select(a => a == _kd.At("x") ? "/proc/nowhere" : a)]);
        Assert.Equal(ExitCodes.Folder, nowhere.ExitCode);
        Assert.StartsWith("KDP060", nowhere.Error);
        Assert.StartsWith("KDP0129 ", Kd.Call("study", "nobodys-study", "--plugins", Kd.Plugins).Error);
        Assert.StartsWith("KDP0211 ", Kd.Call("study", "nobodys.json", "--plugins", Kd.Plugins).Error);
    }

    [Fact]
    public void A_study_that_somebody_works_on_is_left_alone()
    {
        using (StudyFolder.Take(_kd.At("held")))
        {
            var held = Kd.Call(Args("held"));
            Assert.Equal(ExitCodes.Folder, held.ExitCode);
            Assert.StartsWith("KDP0602 ", held.Error);
        }
    }

    [Fact]
    public void The_study_of_the_README_is_the_shipped_one_and_a_check_foretells_what_it_takes()
    {
        var root = new DirectoryInfo(Path.GetDirectoryName(Kd.Program)!).Parent!.Parent!.Parent!.FullName;
        var shipped = File.ReadAllText(Path.Combine(root, "studies/first-study.json")).Trim();
        Assert.Contains(
            string.Join('\n', shipped.Split('\n').Select(l => l.TrimEnd())),
            File.ReadAllText(Path.Combine(root, "README.md"))
        );
        var check = Kd.Call(
            "study",
            Path.Combine(root, "studies/first-study.json"),
            "--check",
            "--json",
            "--seeds",
            "1,2",
            "--set",
            "dataset.options.test=100",
            "--plugins",
            Kd.Plugins,
            "--out",
            _kd.At("check")
        );
        Assert.True(check.ExitCode == 0, check.Error);
        var line = Assert.Single(check.Lines, l => (string?)l["event"] == "study-check");
        var runs = line["runs"]!.AsArray();
        Assert.Equal(1 + 2 * 3, runs.Count);
        Assert.Equal([1, 2, 2, 2, 2, 2, 2], runs.Select(r => (int)r!["open"]!));
        Assert.True((bool)line["isWhole"]!);
        Assert.Equal(
            runs.Sum(r => (int)r!["open"]! * (double)r["seconds"]!),
            (double)line["seconds"]!,
            0.1 * runs.Sum(r => (int)r!["open"]!)
        );
        Assert.False(Directory.Exists(_kd.At("check")));
    }

    [Fact]
    public void Shipped_studies_are_listed_shown_and_found_by_name()
    {
        var listed = Assert.Single(Kd.Call("recipes", "--json", "--plugins", Kd.Plugins).Lines)["studies"]!.AsArray();
        Assert.Contains(listed, s => (string?)s!["name"] == "frskd" && (string?)s["plugin"] == "Frskd");
        Assert.All(listed, s => Assert.NotEqual("", (string?)s!["summary"]));
        Assert.Contains("'kd study NAME'", Kd.Call("recipes", "--plugins", Kd.Plugins).Output);
        Assert.Contains("\"arms\"", Kd.Call("recipes", "frskd", "--study", "--plugins", Kd.Plugins).Output);
        var needs = Kd.Call("study", "frskd", "--plugins", Kd.Plugins);
        Assert.StartsWith("KDP0222 ", needs.Error);
        Assert.Contains("data (CIFAR-10", needs.Error);
        Assert.Contains("A KdPlugins study", Kd.Call("schema", "--study").Output);
    }
}
