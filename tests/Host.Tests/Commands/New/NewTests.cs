using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Host.Commands;

namespace KdPlugins.Host.Tests.Commands.New;

/// <summary>Recipes for data that people have.</summary>
[Collection("commands")]
public sealed class NewTests : IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    private static readonly JsonDocumentOptions Lenient = new() { CommentHandling = JsonCommentHandling.Skip };

    private string[] Args(string data, string output = "mine.json", params string[] more) =>
        [
            "new",
            "--data",
            data,
            "--teacher",
            "train",
            "--student",
            """{ "id": "cifar-resnet", "options": { "depth": 8 } }""",
            "--epochs",
            "2",
            "--out",
            _kd.At(output),
            "--plugins",
            Kd.Plugins,
            .. more,
        ];

    private JsonObject Recipe(string output = "mine.json") =>
        JsonNode.Parse(File.ReadAllText(_kd.At(output)), null, Lenient)!.AsObject();

    private async Task<string> Data(string form)
    {
        var root = _kd.At("data");
        Directory.CreateDirectory(root);
        switch (form)
        {
            case "image-folder":
                Pictures.Folders(root, 20);
                return root;
            case "image-list":
                return Pictures.List(root, 20, splits: true);
            case "npz":
                return Pictures.Npz(Path.Combine(root, "all.npz"), 20);
            default:
                await Pictures.ParquetAsync(Path.Combine(root, "train-0.parquet"), 20);
                return root;
        }
    }

    [Theory]
    [InlineData("image-folder")]
    [InlineData("image-list")]
    [InlineData("image-parquet")]
    [InlineData("npz")]
    public async Task A_recipe_for_data_passes_the_check_and_runs(string form)
    {
        var made = Kd.Call(Args(await Data(form), more: "--json"));
        Assert.True(made.ExitCode == 0, made.Error);
        var said = Assert.Single(made.Lines);
        Assert.Equal(form, (string)said["dataset"]!);
        Assert.Equal(3, (long)said["classes"]!);
        Assert.Equal(form, (string)Recipe()["dataset"]!["id"]!);
        // Data beside the recipe move with it.
        Assert.StartsWith("data", (string)Recipe()["dataset"]!["options"]!["path"]!);

        var check = Kd.Call("check", _kd.At("mine.json"), "--plugins", Kd.Plugins);
        Assert.True(check.ExitCode == 0, check.Error);
        string[] run = ["run", _kd.At("mine.json"), "--out", _kd.At("run"), "--plugins", Kd.Plugins];
        var ran = Kd.Call([.. run, "--max-steps-per-stage", "2"]);
        Assert.True(ran.ExitCode == 0, ran.Error);
        Assert.True(File.Exists(Path.Combine(_kd.At("run"), "student.safetensors")));
    }

    [Fact]
    public async Task What_is_written_says_why_and_what_comes_next()
    {
        var made = Kd.Call(Args(await Data("image-folder"), "my first.json"));
        Assert.Contains("kd check '", made.Output);
        Assert.Contains("kd run ", made.Output);
        Assert.Contains("kd export runs/my-first", made.Output);
        var text = File.ReadAllText(_kd.At("my first.json"));
        Assert.Contains("// offline on 60 images of 3 classes", text);
        Assert.Contains("8 images an update make 7 updates an epoch; the rate is 0.05 for 64 images", text);
        Assert.All(text.Split('\n'), line => Assert.True(line.Length <= 110, line));

        var recipe = Recipe("my first.json");
        Assert.Equal("my-first", (string)recipe["name"]!);
        Assert.Equal(16, (int)recipe["dataset"]!["options"]!["size"]!);
        Assert.True((bool)recipe["validation"]!["stratified"]!);
        Assert.Equal(0.1, (double)recipe["validation"]!["fraction"]!);
        Assert.Equal(8, (int)recipe["training"]!["batchSize"]!);
        Assert.Equal(0.00625, (double)recipe["training"]!["optimiser"]!["learningRate"]!);
        Assert.Equal(2, (int)recipe["training"]!["epochs"]!);
        Assert.Equal(2, (int)recipe["augmentations"]!["shared"]![0]!["options"]!["padding"]!);
        Assert.True((bool)recipe["baseline"]!);
    }

    [Theory]
    [InlineData("icda")]
    [InlineData("good-da-kd")]
    [InlineData("sokd")]
    [InlineData("backward-pass-kd")]
    [InlineData("sre2l")]
    [InlineData("frskd")]
    public async Task A_method_begins_with_what_its_own_recipe_says(string method)
    {
        string[] args = [.. Args(await Data("image-folder")), "--method", method];
        // Its rounds take two epochs each.
        if (method == "backward-pass-kd")
            args = [.. args.Select(a => a == "2" ? "4" : a)];
        if (method == "frskd")
        {
            // Nobody teaches.
            Assert.StartsWith("KDP0801 The method 'frskd' has no teacher.", Kd.Call(args).Error);
            args = [.. args.Where(a => a is not ("--teacher" or "train"))];
        }
        var made = Kd.Call(args);
        Assert.True(made.ExitCode == 0, made.Error);
        Assert.Equal(method, (string)Recipe()["strategy"]!["id"]!);
        Assert.Equal(method == "frskd", Recipe()["prepare"] is null);
        var check = Kd.Call("check", _kd.At("mine.json"), "--plugins", Kd.Plugins);
        Assert.True(check.ExitCode == 0, check.Error);
    }

    [Theory]
    [InlineData("infer", "narrow")]
    [InlineData("krr-st", "target")]
    [InlineData("aug-kd", "teacher-domain")]
    public async Task A_method_that_needs_more_is_refused_with_its_own_recipe(string method, string what)
    {
        var failed = Kd.Call([.. Args(await Data("image-folder")), "--method", method]);
        Assert.Equal(ExitCodes.BadRecipe, failed.ExitCode);
        Assert.StartsWith("KDP0833 ", failed.Error);
        Assert.Contains($"'{what}'", failed.Error);
        Assert.Contains($"kd recipes {method} > my.json", failed.Error);
        Assert.False(File.Exists(_kd.At("mine.json")));
    }

    [Fact]
    public async Task A_teacher_is_a_file_that_says_what_it_is_or_is_told()
    {
        var data = await Data("image-folder");
        Kd.Call(Args(data, more: "--force"));
        var run = Kd.Call([
            "run",
            _kd.At("mine.json"),
            "--out",
            _kd.At("run"),
            "--plugins",
            Kd.Plugins,
            "--max-steps-per-stage",
            "1",
        ]);
        Assert.True(run.ExitCode == 0, run.Error);
        var teacher = Path.Combine(_kd.At("run"), "teacher.safetensors");
        string[] With(string file, string output, params string[] more) =>
            [.. Args(data, output).Select(a => a == "train" ? file : a), .. more];

        var made = Kd.Call(With(teacher, "known.json"));
        Assert.True(made.ExitCode == 0, made.Error);
        var model = Recipe("known.json")["models"]!["teacher"]!;
        Assert.Equal("run/teacher.safetensors", (string)model["weights"]!);
        Assert.Equal(20, (int)model["options"]!["depth"]!);
        Assert.Null(Recipe("known.json")["prepare"]);
        Assert.Equal(0, Kd.Call("check", _kd.At("known.json"), "--plugins", Kd.Plugins).ExitCode);

        // Of other classes, without a record, and no weights at all.
        Pictures.Folders(_kd.At("two"), 20, classes: 2);
        var other = Kd.Call([.. With(teacher, "other.json").Select(a => a == data ? _kd.At("two") : a)]);
        Assert.StartsWith("KDP0833 ", other.Error);
        Assert.Contains("knows 3 classes, the data have 2", other.Error);
        var bare = _kd.Write("bare.pth", "");
        Assert.Contains("--teacher-model", Kd.Call(With(bare, "bare.json")).Error);
        Assert.Equal(0, Kd.Call(With(bare, "bare.json", "--teacher-model", "resnet")).ExitCode);
        var damaged = _kd.Write("damaged.safetensors", "nothing");
        var failed = Kd.Call(With(damaged, "damaged.json"));
        Assert.Equal(ExitCodes.Damaged, failed.ExitCode);
        Assert.False(File.Exists(_kd.At("damaged.json")));
    }

    [Fact]
    public async Task Minutes_are_shared_by_the_stages()
    {
        string[] args =
        [
            .. Args(await Data("image-folder"))
                .Select(a =>
                    a == "--epochs" ? "--minutes"
                    : a == "2" ? "3"
                    : a
                ),
        ];
        Assert.Equal(0, Kd.Call(args).ExitCode);
        Assert.Equal(1, (double)Recipe()["training"]!["maxMinutes"]!);
        Assert.Equal(100, (int)Recipe()["training"]!["epochs"]!);
    }

    [Fact]
    public async Task A_file_that_is_there_stays_without_force()
    {
        var data = await Data("image-folder");
        var file = _kd.Write("mine.json", "precious");
        var failed = Kd.Call(Args(data));
        Assert.Equal(ExitCodes.Folder, failed.ExitCode);
        Assert.StartsWith("KDP0832 ", failed.Error);
        Assert.Equal("precious", File.ReadAllText(file));
        Assert.StartsWith("KDP0832 ", Kd.Call(Args(data, ".", "--force")).Error);
        Assert.Equal(0, Kd.Call(Args(data, more: "--force")).ExitCode);
        Assert.Equal("offline", (string)Recipe()["strategy"]!["id"]!);
    }

    [Fact]
    public async Task A_folder_that_cannot_be_written_is_one_line()
    {
        var data = await Data("image-folder");
        foreach (var place in (string[])[Path.Combine("nowhere", "mine.json"), "/proc/mine.json"])
        {
            var failed = Kd.Call(Args(data, place));
            Assert.Equal(ExitCodes.Folder, failed.ExitCode);
            Assert.StartsWith("KDP0804 ", failed.Error);
            Assert.Single(failed.Error.TrimEnd().Split('\n'));
        }
    }

    [Fact]
    public void Flags_that_are_missing_are_named_at_once()
    {
        var failed = Kd.Call("new", "--plugins", Kd.Plugins);
        Assert.Equal(ExitCodes.Failed, failed.ExitCode);
        Assert.StartsWith("KDP0830 ", failed.Error);
        Assert.Contains("--data, --teacher, --student, --epochs or --minutes, --out:", failed.Error);
        Assert.Single(failed.Error.TrimEnd().Split('\n'));
    }

    [Theory]
    [InlineData("--epochs and --minutes", "--minutes", "3")]
    [InlineData("--epochs must be", "--epochs", "0")]
    [InlineData("--teacher-model", "--teacher-model", "resnet")]
    public async Task Flags_that_contradict_are_refused(string what, params string[] more)
    {
        var args = Args(await Data("image-folder"));
        if (more[0] == "--epochs")
            args = [.. args.Select(a => a == "2" ? "0" : a)];
        else
            args = [.. args, .. more];
        var failed = Kd.Call(args);
        Assert.StartsWith("KDP0801 ", failed.Error);
        Assert.Contains(what, failed.Error);
    }

    [Theory]
    [InlineData("ofline", "'offline'")]
    [InlineData("IcDa", "'icda'")]
    [InlineData("nothing-like-it", "Known: ")]
    public async Task An_unknown_method_is_answered_by_a_near_one(string method, string near)
    {
        var failed = Kd.Call([.. Args(await Data("image-folder")), "--method", method]);
        Assert.Equal(ExitCodes.BadRecipe, failed.ExitCode);
        Assert.StartsWith("KDP0201 ", failed.Error);
        Assert.Contains(near, failed.Error);
    }

    [Fact]
    public async Task Networks_that_nobody_has_are_answered_by_near_ones()
    {
        var data = await Data("image-folder");
        string[] With(string from, string to) => [.. Args(data).Select(a => a == from ? to : a)];
        Assert.Contains("'resnet'", Kd.Call(With("train", "resnte")).Error);
        var student = Args(data)[6];
        Assert.Contains("'wrn'", Kd.Call(With(student, "wrm")).Error);
        Assert.StartsWith("KDP0801 ", Kd.Call(With(student, "{ \"id\": ")).Error);
        // Options that do not fit are said as a recipe's are, and nothing is written.
        Assert.StartsWith("KDP0203 ", Kd.Call(With(student, """{ "id": "wrn", "options": { "dept": 10 } }""")).Error);
        Assert.False(File.Exists(_kd.At("mine.json")));
    }

    [Fact]
    public async Task Data_that_cannot_be_used_say_why()
    {
        string Fails(string data, string code, params string[] more)
        {
            var failed = Kd.Call(Args(data, more: more));
            Assert.Equal(ExitCodes.Damaged, failed.ExitCode);
            Assert.StartsWith(code, failed.Error);
            Assert.False(File.Exists(_kd.At("mine.json")));
            return failed.Error;
        }

        Fails(_kd.At("nowhere"), "KDP0831");
        Directory.CreateDirectory(_kd.At("empty"));
        Fails(_kd.At("empty"), "KDP0831");
        Directory.CreateDirectory(_kd.At("hollow/a"));
        Fails(_kd.At("hollow"), "KDP0831");
        Pictures.Folders(_kd.At("one"), 3, classes: 1);
        Assert.Contains("1 class", Fails(_kd.At("one"), "KDP0831"));
        Fails(_kd.Write("text.txt", "hello"), "KDP0831");
        Fails(_kd.Write("broken.npz", "no archive"), "KDP04");
        Fails(_kd.Write("broken.parquet", "no table"), "KDP04");
        Fails(_kd.Write("broken.csv", "file,label\nnowhere.png,a\nnowhere.png,b\n"), "KDP04");

        var data = await Data("image-folder");
        File.WriteAllText(Path.Combine(data, "apple", "000.png"), "no image");
        Assert.Contains("000.png", Fails(data, "KDP0408"));
        Assert.Contains("does not know", Fails(data, "KDP0831", "--dataset", "npz"));
        var unknown = Kd.Call(Args(data, more: ["--dataset", "image-foldr"]));
        Assert.StartsWith("KDP0201 ", unknown.Error);
        Assert.Contains("'image-folder'", unknown.Error);
    }

    [Fact]
    public void Data_that_several_know_are_asked_about()
    {
        Pictures.Folders(_kd.At("data"), 12);
        Pictures.Npz(Path.Combine(_kd.At("data"), "all.npz"), 4);
        var failed = Kd.Call(Args(_kd.At("data")));
        Assert.StartsWith("KDP0831 ", failed.Error);
        Assert.Contains("image-folder, npz", failed.Error);
        Assert.Contains("--dataset", failed.Error);
        Assert.Equal(0, Kd.Call(Args(_kd.At("data"), more: ["--dataset", "npz"])).ExitCode);
        Assert.Equal("npz", (string)Recipe()["dataset"]!["id"]!);
    }

    // At a terminal: the answers are lines.
    private (int ExitCode, string Output, string Error) Ask(string answers, params string[] args)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var screen = new Screen(output, error, IsTerminal: true, Json: false, Verbose: false)
        {
            Input = new StringReader(answers),
        };
        return (
            CommandLine.Run(
                ["new", .. args, .. args.Contains("--plugins") ? [] : (string[])["--plugins", Kd.Plugins]],
                screen
            ),
            output.ToString(),
            error.ToString()
        );
    }

    [Fact]
    public async Task Questions_are_asked_again_until_they_are_answered()
    {
        var data = await Data("image-folder");
        var answers =
            $"\n{_kd.At("nowhere")}\n{data}\nofline\n\nresnte\n\n\nsoon\n30m\n{_kd.At("data")}\n{_kd.At("mine.json")}\n";
        var (code, output, error) = Ask(answers);
        Assert.True(code == 0, error + output);
        Assert.Contains("KDP0831", output);
        Assert.Contains("image-folder: 60 training images of 3 classes, 16 x 16 pixels", output);
        Assert.Contains("Did you mean 'offline'?", output);
        Assert.Contains("Did you mean 'resnet'", output);
        Assert.Contains("'soon' is neither", output);
        Assert.Contains("KDP0832", output);
        Assert.Equal("cifar-resnet", (string)Recipe()["models"]!["student"]!["id"]!);
        Assert.Equal(10, (double)Recipe()["training"]!["maxMinutes"]!);
    }

    [Fact]
    public async Task An_input_that_ends_leaves_nothing()
    {
        var data = await Data("image-folder");
        var lines = (string[])[data, "offline", "train", "resnet", "3", _kd.At("mine.json")];
        for (var left = 0; left < lines.Length; left++)
        {
            var (code, _, error) = Ask(string.Concat(lines.Take(left).Select(l => l + "\n")));
            Assert.Equal(ExitCodes.Failed, code);
            Assert.StartsWith("KDP0830 The input ended before '--", error);
            Assert.False(File.Exists(_kd.At("mine.json")));
        }
        // Flags are not asked about.
        var (done, output, _) = Ask("", [.. Args(data).Skip(1), "--method", "offline"]);
        Assert.Equal(0, done);
        Assert.DoesNotContain("[", output);
    }

    [SkippableFact]
    public async Task Ctrl_c_at_a_question_ends_it_and_writes_nothing()
    {
        Skip.IfNot(File.Exists("/usr/bin/script"), "A terminal is made by script (util-linux).");
        var start = new System.Diagnostics.ProcessStartInfo("/usr/bin/script")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        start.Environment["TERM"] = "xterm";
        string[] args =
        [
            "-qec",
            // Of a shell's background job SIGINT is ignored, and stays so in all that it starts.
            $"env --default-signal=INT dotnet {Kd.Program} new --plugins {Kd.Plugins} --out {_kd.At("mine.json")}",
            "/dev/null",
        ];
        foreach (var arg in args)
            start.ArgumentList.Add(arg);
        using var process = System.Diagnostics.Process.Start(start)!;
        var seen = "";
        var buffer = new char[256];
        while (!seen.Contains("images:"))
        {
            var count = await process.StandardOutput.ReadAsync(buffer);
            Assert.True(count > 0, seen);
            seen += new string(buffer, 0, count);
        }
        await process.StandardInput.WriteAsync('\u0003');
        await process.StandardInput.FlushAsync();
        await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(ExitCodes.Interrupted, process.ExitCode);
        Assert.False(File.Exists(_kd.At("mine.json")));
    }
}
