using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>A tiny recipe from its beginning to its report, in this process.</summary>
[Collection("commands")]
public sealed class RunTests(RunTests.TinyRun tiny) : IClassFixture<RunTests.TinyRun>, IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    /// <summary>One run that several tests look at.</summary>
    public sealed class TinyRun : IDisposable
    {
        private readonly Kd _kd = new();

        public TinyRun()
        {
            Folder = _kd.At("run");
            Result = Kd.Call("run", _kd.TinyRecipe(), "--out", Folder, "--plugins", Kd.Plugins, "--json");
        }

        internal string Folder { get; }

        internal KdResult Result { get; }

        public void Dispose() => _kd.Dispose();
    }

    [Fact]
    public void A_run_ends_with_its_report_and_all_lines_are_json()
    {
        Assert.True(tiny.Result.ExitCode == 0, tiny.Result.Error);
        Assert.Empty(tiny.Result.Error);
        var lines = tiny.Result.Lines;
        var events = lines.Select(l => l["event"]!.GetValue<string>()).ToList();
        Assert.Equal("start", events[0]);
        Assert.Equal("done", events[^1]);
        foreach (var kind in (string[])["run", "stage", "step", "evaluation", "checkpoint"])
            Assert.Contains(kind, events);
        var accuracy = lines[^1]["report"]!["student"]!["test_accuracy"]!;
        Assert.InRange(accuracy["last"]!.GetValue<double>(), 0, 1);
        var onDisk = JsonNode.Parse(File.ReadAllText(Path.Combine(tiny.Folder, "report.json")))!;
        Assert.True(JsonNode.DeepEquals(onDisk, lines[^1]["report"]));
        var page = lines[^1]["page"]!.GetValue<string>();
        Assert.Equal(Path.Combine(tiny.Folder, "report.html"), page);
        Assert.Contains("student, distilled", File.ReadAllText(page));
        var step = lines.Last(l => l["event"]!.GetValue<string>() == "step");
        Assert.True(double.IsFinite(step["values"]!["loss"]!.GetValue<double>()));
        Assert.Equal(step["totalSteps"]!.GetValue<long>(), step["step"]!.GetValue<long>());
    }

    [Fact]
    public void The_origin_says_where_the_run_came_from()
    {
        var origin = JsonNode.Parse(File.ReadAllText(Path.Combine(tiny.Folder, "origin.json")))!;
        Assert.EndsWith("tiny.json", origin["recipe"]!.GetValue<string>());
        Assert.Equal(Path.GetDirectoryName(tiny.Folder), origin["recipeFolder"]!.GetValue<string>());
        Assert.Equal("run", origin["commandLine"]!.AsArray()[0]!.GetValue<string>());
        Assert.Equal(
            File.ReadAllText(Path.Combine(tiny.Folder, "recipe.json")),
            origin["resolved"]!.GetValue<string>()
        );
    }

    [Fact]
    public void A_second_run_in_the_same_folder_is_refused()
    {
        var result = Kd.Call("run", _kd.TinyRecipe(), "--out", tiny.Folder, "--plugins", Kd.Plugins);
        Assert.Equal(ExitCodes.Folder, result.ExitCode);
        Assert.StartsWith("KDP0601 ", result.Error);
    }

    [Fact]
    public void A_folder_with_other_things_in_it_and_a_file_are_refused()
    {
        foreach (var path in (string[])[Path.GetDirectoryName(_kd.TinyRecipe())!, _kd.TinyRecipe()])
        {
            var result = Kd.Call("run", _kd.TinyRecipe(), "--out", path, "--plugins", Kd.Plugins);
            Assert.Equal(ExitCodes.Folder, result.ExitCode);
            Assert.StartsWith("KDP0802 ", result.Error);
        }
    }

    [Fact]
    public void Resuming_a_complete_run_shows_its_table()
    {
        var before = Sha(Path.Combine(tiny.Folder, "student.safetensors"));
        var result = Kd.Call("resume", tiny.Folder);
        Assert.Equal(0, result.ExitCode);
        Assert.Matches(@"teacher\s+\d+\.\d\d %", result.Output);
        Assert.Matches(@"student\s+\d+\.\d\d %", result.Output);
        Assert.Contains("report.html, report.json, student.safetensors", result.Output);
        Assert.Equal(before, Sha(Path.Combine(tiny.Folder, "student.safetensors")));
    }

    [Fact]
    public void Eval_finds_the_accuracy_of_the_report()
    {
        var report = JsonNode.Parse(File.ReadAllText(Path.Combine(tiny.Folder, "report.json")))!;
        var line = Assert.Single(Kd.Call("eval", tiny.Folder, "--json").Lines);
        Assert.Equal(
            report["student"]!["test_accuracy"]!["best"]!.GetValue<double>(),
            line["values"]!["accuracy"]!.GetValue<double>()
        );
        // The file alone, with the recipe that says what it belongs to.
        var copy = _kd.At("elsewhere.safetensors");
        File.Copy(Path.Combine(tiny.Folder, "teacher-last.safetensors"), copy);
        string[] args = ["eval", copy, "--role", "teacher", "--plugins", Kd.Plugins];
        var lost = Kd.Call(args);
        Assert.Equal((1, true), (lost.ExitCode, lost.Error.Contains("--recipe")));
        var found = Assert.Single(Kd.Call([.. args, "--recipe", _kd.TinyRecipe(), "--json"]).Lines);
        Assert.Equal(
            report["teacher"]!["test_accuracy"]!["last"]!.GetValue<double>(),
            found["values"]!["accuracy"]!.GetValue<double>()
        );
    }

    [Fact]
    public void Eval_reads_weights_of_others_as_it_is_told()
    {
        var report = JsonNode.Parse(File.ReadAllText(Path.Combine(tiny.Folder, "report.json")))!;
        var accuracy = (double)report["teacher"]!["test_accuracy"]!["last"]!;
        string Wrapped(string name, Func<string, string> rename)
        {
            using var scope = TorchSharp.torch.NewDisposeScope();
            var tensors = ProbeFiles.Read(Path.Combine(tiny.Folder, "teacher-last.safetensors"));
            Torch.Weights.WeightTensors.Save(tensors.ToDictionary(t => rename(t.Key), t => t.Value), _kd.At(name));
            return _kd.At(name);
        }
        KdResult Eval(string file, params string[] more) =>
            Kd.Call([
                "eval",
                file,
                "--role",
                "teacher",
                "--plugins",
                Kd.Plugins,
                "--recipe",
                _kd.TinyRecipe(),
                .. more,
            ]);
        double Accuracy(string file, params string[] more) =>
            (double)Assert.Single(Eval(file, [.. more, "--json"]).Lines)["values"]!["accuracy"]!;

        var wrapped = Wrapped("wrapped.safetensors", n => $"model.module.{n}");
        var told = Eval(wrapped);
        Assert.Equal(0, told.ExitCode);
        Assert.Contains("without the beginning 'model.module.'", told.Output + told.Error);
        var renamed = Wrapped("renamed.safetensors", n => $"ema.{n.Replace("fc.", "head.")}");
        var refused = Eval(renamed);
        Assert.Equal(ExitCodes.Damaged, refused.ExitCode);
        Assert.StartsWith("KDP0550 ", refused.Error);
        Assert.InRange(refused.Error.Trim().Split('\n').Length, 2, 10);
        Assert.Equal(accuracy, Accuracy(renamed, "--prefix", "ema", "--rename", "head=fc"));
        Assert.StartsWith("KDP0801 ", Eval(renamed, "--rename", "head").Error);
        Assert.StartsWith("KDP0553 ", Eval(renamed, "--rename", "head.*=fc").Error);
        // The recipe's own words for the very file that it names.
        var section = $$"""models.teacher.weights={"path":"{{renamed}}","prefix":"ema.","rename":{"head":"fc"} }""";
        Assert.Equal(accuracy, Accuracy(renamed, "--set", section));
    }

    [Fact]
    public void Eval_says_what_is_not_there()
    {
        Assert.Contains("nobody.safetensors", Kd.Call("eval", tiny.Folder, "--role", "nobody").Error);
        var source = Kd.Call("eval", tiny.Folder, "--source", "moon");
        Assert.Equal(ExitCodes.BadRecipe, source.ExitCode);
        Assert.StartsWith("KDP0305 ", source.Error);
        Assert.StartsWith("KDP0600 ", Kd.Call("eval", _kd.At("none")).Error);
    }

    [Fact]
    public void Compare_puts_runs_side_by_side()
    {
        var text = Kd.Call("compare", tiny.Folder, Path.Combine(tiny.Folder, "report.json")).Output;
        foreach (var role in (string[])["teacher", "student"])
            Assert.Equal(
                2,
                text.Split('\n').Count(line => line.Contains($" {role} ") && line.Contains(" test accuracy "))
            );
        var missing = Kd.Call("compare", _kd.At("none"));
        Assert.Equal(ExitCodes.Damaged, missing.ExitCode);
        Assert.StartsWith("KDP0804 ", missing.Error);
        var damaged = Kd.Call("compare", _kd.Write("report.json", "{"));
        Assert.StartsWith("KDP0804 ", damaged.Error);
        Assert.Equal(
            2,
            Assert.Single(Kd.Call("compare", tiny.Folder, tiny.Folder, "--json").Lines)["runs"]!.AsArray().Count
        );
    }

    [Fact]
    public void Runs_of_a_service_are_told_apart_by_their_jobs()
    {
        foreach (var job in (string[])["20260101-000000-aaaaaa-tiny", "20260101-000000-bbbbbb-tiny"])
        {
            Directory.CreateDirectory(_kd.At($"{job}/run"));
            File.Copy(Path.Combine(tiny.Folder, "report.json"), _kd.At($"{job}/run/report.json"));
        }

        var text = Kd.Call(
            "compare",
            _kd.At("20260101-000000-aaaaaa-tiny/run/"),
            _kd.At("20260101-000000-bbbbbb-tiny/run/report.json")
        ).Output;

        Assert.Contains("20260101-000000-aaaaaa-tiny", text);
        Assert.Contains("20260101-000000-bbbbbb-tiny", text);
    }

    [Fact]
    public void Several_seeds_give_means_and_go_on_where_they_stopped()
    {
        var folder = _kd.At("seeds");
        string[] args =
        [
            "run",
            _kd.TinyRecipe(),
            "--out",
            folder,
            "--plugins",
            Kd.Plugins,
            "--set",
            "seeds=[1,2]",
            "--max-steps-per-stage",
            "2",
        ];
        var result = Kd.Call(args);
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Contains("seed 2", result.Output);
        Assert.Matches(@"student\s+\d+\.\d\d % ± \d+\.\d\d %", result.Output);
        var before = Sha(Path.Combine(folder, "seed-2", "student.safetensors"));
        // As if the machine had died before the second seed began.
        Directory.Delete(Path.Combine(folder, "seed-2"), recursive: true);
        File.Delete(Path.Combine(folder, "report.json"));
        Assert.Equal(0, Kd.Call("resume", folder).ExitCode);
        Assert.Equal(before, Sha(Path.Combine(folder, "seed-2", "student.safetensors")));
        Assert.Equal(2, Kd.Call("eval", folder, "--json").Lines.Count);
        foreach (var page in (string[])["report.html", "seed-1/report.html", "seed-2/report.html"])
            Assert.True(File.Exists(Path.Combine(folder, page)), page);
    }

    [Fact]
    public void A_run_that_died_before_its_recipe_was_written_can_be_resumed()
    {
        var folder = Directory.CreateDirectory(_kd.At("young")).FullName;
        File.Copy(Path.Combine(tiny.Folder, "origin.json"), Path.Combine(folder, "origin.json"));
        var result = Kd.Call("resume", folder, "--max-steps-per-stage", "1", "--json");
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal("done", result.Lines[^1]["event"]!.GetValue<string>());
    }

    [Fact]
    public void Resume_says_what_is_not_there()
    {
        var none = Kd.Call("resume", _kd.At("none"));
        Assert.Equal((ExitCodes.Folder, true), (none.ExitCode, none.Error.StartsWith("KDP0600 ")));
        Directory.CreateDirectory(_kd.At("damaged"));
        _kd.Write("damaged/origin.json", """{ "recipe": 3 }""");
        var damaged = Kd.Call("resume", _kd.At("damaged"));
        Assert.StartsWith("KDP0803 ", damaged.Error);
    }

    [Fact]
    public void Check_tells_shapes_parameters_time_and_space_and_writes_nothing()
    {
        var recipe = _kd.TinyRecipe();
        var before = Directory.GetFileSystemEntries(Path.GetDirectoryName(recipe)!);
        var line = Assert.Single(Kd.Call("check", recipe, "--plugins", Kd.Plugins, "--json").Lines);
        Assert.Equal(before, Directory.GetFileSystemEntries(Path.GetDirectoryName(recipe)!));
        var student = line["roles"]!.AsArray().Single(r => r!["role"]!.GetValue<string>() == "student")!;
        var shapes = student["values"]!
            .AsArray()
            .ToDictionary(v => v!["name"]!.GetValue<string>(), v => v!["shape"]!.ToJsonString());
        Assert.Equal("[16,3,8,8]", shapes["input"]);
        Assert.Equal("[16,3]", shapes["logits"]);
        Assert.Equal(32, line["teacher"]!["samples"]!.GetValue<long>());
        var stages = line["stages"]!.AsArray();
        Assert.Equal(["teacher/train", "distil"], stages.Select(s => s!["name"]!.GetValue<string>()));
        // 96 samples less a tenth for validation make 5 batches of 16; two epochs.
        Assert.All(stages, s => Assert.Equal(10, s!["steps"]!.GetValue<long>()));
        Assert.Equal(student["parameters"]!.GetValue<long>(), stages[1]!["trained"]!["student"]!.GetValue<long>());
        // A checkpoint holds two networks of four bytes per parameter, and momentum.
        Assert.True(line["checkpointBytes"]!.GetValue<long>() > 12 * student["parameters"]!.GetValue<long>());
        var text = Kd.Call("check", recipe, "--plugins", Kd.Plugins).Output;
        Assert.Contains("tiny: fits.", text);
        Assert.Contains("still untrained", text);
    }

    [Fact]
    public void What_is_frozen_averaged_and_ended_early_is_told()
    {
        var recipe = _kd.TinyRecipe();
        string[] frozen = ["check", recipe, "--plugins", Kd.Plugins, "--set", "models.student.freeze=*.bias"];
        Assert.Matches(@"student: [\d,]+ parameters \(\d+ frozen\), ", Kd.Call(frozen).Output);
        var student = Assert.Single(Kd.Call([.. frozen, "--json"]).Lines)["roles"]!
            .AsArray()
            .Single(r => (string)r!["role"]! == "student")!;
        Assert.InRange((long)student["frozen"]!, 1, (long)student["parameters"]! - 1);
        string[] run = ["run", recipe, "--plugins", Kd.Plugins, "--out", _kd.At("run")];
        var result = Kd.Call([
            .. run,
            "--set",
            "training.ema.decay=0.9",
            "--set",
            "training.epochs=5",
            "--set",
            "training.earlyStopping.patience=1",
            "--set",
            "training.earlyStopping.delta=2",
        ]);
        Assert.Equal(0, result.ExitCode);
        // No accuracy is better than the first one by 2.
        Assert.Contains("Stage 'distil' ends after epoch 2 of 5", result.Output + result.Error);
        Assert.Contains("student-ema", result.Output);
        Assert.Contains("student-ema", File.ReadAllText(_kd.At("run/report.html")));
    }

    [Fact]
    public void A_loss_that_is_not_finite_is_exit_code_5()
    {
        string[] args = ["run", _kd.TinyRecipe(), "--out", _kd.At("nan"), "--plugins", Kd.Plugins];
        var result = Kd.Call([.. args, "--set", "prepare[0].losses[0].weight=1e39"]);
        Assert.Equal(ExitCodes.Diverged, result.ExitCode);
        Assert.Contains("KDP0701 ", result.Error);
        var status = JsonNode.Parse(File.ReadAllText(_kd.At("nan/status.json")))!;
        Assert.Equal("failed", status["state"]!.GetValue<string>());
        Assert.Equal(ExitCodes.Diverged, status["exitCode"]!.GetValue<int>());
    }

    private static string Sha(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));
}
