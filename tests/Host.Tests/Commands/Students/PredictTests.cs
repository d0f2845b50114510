using System.Text.Json.Nodes;
using SkiaSharp;

namespace KdPlugins.Host.Tests.Commands.Students;

/// <summary>What a student holds images for, from a run, a weight file and a model, in every form of output.</summary>
[Collection("commands")]
public sealed class PredictTests(StudentRun run) : IClassFixture<StudentRun>, IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    private static List<JsonObject> Predictions(KdResult result, int exitCode = 0)
    {
        Assert.True(result.ExitCode == exitCode, result.Error);
        return [.. result.Lines.Where(l => (string?)l["event"] == "prediction")];
    }

    private string Folder(params string[] names)
    {
        var folder = Directory.CreateDirectory(_kd.At("images")).FullName;
        foreach (var (number, name) in names.Index())
        {
            var path = Path.Combine(folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            StudentRun.WritePng(
                path,
                12,
                12,
                (x, y) => new SKColor((byte)(20 * x), (byte)(20 * y), (byte)(60 * number))
            );
        }
        return folder;
    }

    [Fact]
    public void A_run_a_weight_file_and_models_find_what_the_evaluation_finds()
    {
        var accuracy = run.Accuracy();
        Assert.InRange(accuracy, 0.35, 1);
        List<JsonObject>? first = null;
        foreach (var what in (string[])[run.Folder, run.Weights, run.Model, run.PixelModel])
        {
            var lines = Predictions(Kd.Call("predict", what, run.Images, "--json", "--top", "4", "--batch", "10"));
            Assert.Equal(
                Enumerable.Range(0, 64).Select(i => Path.Combine(run.Images, $"{i:000}.png")),
                lines.Select(l => (string)l["path"]!)
            );
            var right = lines.Zip(run.Labels).Count(l => (long)l.First["classes"]![0]!["index"]! == l.Second);
            Assert.Equal(accuracy, right / 64.0, 6);
            first ??= lines;
            foreach (var (one, other) in lines.Zip(first))
                Assert.Equal(
                    (double)other["classes"]![0]!["probability"]!,
                    (double)one["classes"]![0]!["probability"]!,
                    4
                );
        }
        var best = first![0]["classes"]!.AsArray();
        Assert.Equal(4, best.Count);
        Assert.Equal(1, best.Sum(c => (double)c!["probability"]!), 5);
        Assert.Equal(
            best.Select(c => (double)c!["probability"]!).OrderDescending(),
            best.Select(c => (double)c!["probability"]!)
        );
    }

    [Fact]
    public void The_last_line_counts_and_the_size_of_a_batch_changes_nothing()
    {
        var whole = Kd.Call("predict", run.Model, run.Images, "--json", "--batch", "64");
        var end = whole.Lines[^1];
        Assert.Equal("predicted", (string?)end["event"]);
        Assert.Equal((64, 64, 0), ((int)end["images"]!, (int)end["of"]!, (int)end["unreadable"]!));
        Assert.True((double)end["imagesPerSecond"]! > 0);
        var single = Kd.Call("predict", run.Model, run.Images, "--json", "--batch", "1", "--threads", "1");
        foreach (var (a, b) in Predictions(whole).Zip(Predictions(single)))
        {
            Assert.Equal((string?)a["path"], (string?)b["path"]);
            Assert.Equal((string?)a["classes"]![0]!["class"], (string?)b["classes"]![0]!["class"]);
        }
    }

    [Fact]
    public void Folders_come_in_ordinal_order_and_files_as_they_stand()
    {
        var folder = Folder("b/2.png", "a.PNG", "b/10.png", ".hidden.png", ".git/x.png");
        File.WriteAllText(Path.Combine(folder, "notes.txt"), "no image");
        string At(string name) => Path.Combine(folder, name);
        var lines = Predictions(Kd.Call("predict", run.Model, At("b/2.png"), folder, "--json"));
        Assert.Equal(
            [At("b/2.png"), At("a.PNG"), At("b/10.png"), At("b/2.png")],
            lines.Select(l => (string)l["path"]!)
        );
    }

    [Fact]
    public void Text_names_file_classes_and_shares()
    {
        var result = Kd.Call("predict", run.Model, Path.Combine(run.Images, "000.png"), "--top", "2");
        Assert.Equal(0, result.ExitCode);
        Assert.Matches(@"^\S+000\.png: [\w ]+ \d+\.\d\d %, [\w ]+ \d+\.\d\d %\n$", result.Output);
        Assert.Matches(@"^1 images in \d+\.\d s, [\d.]+ images/s\n$", result.Error);
    }

    [Fact]
    public void Csv_has_a_row_for_each_class_and_quotes_what_needs_it()
    {
        var folder = Folder("one, \"two\".png");
        var result = Kd.Call("predict", run.Model, folder, "--csv", "--top", "2");
        Assert.Equal(0, result.ExitCode);
        var rows = result.Output.TrimEnd().Split('\n');
        Assert.Equal("path,rank,class,index,probability", rows[0]);
        Assert.Equal(3, rows.Length);
        Assert.StartsWith($"\"{folder}/one, \"\"two\"\".png\",1,", rows[1]);
        Assert.Matches(@",2,[\w ]+,\d,0?\.?[\dE.-]+$", rows[2]);
    }

    [Fact]
    public void Images_that_cannot_be_read_are_named_and_passed_over()
    {
        var folder = Folder("a.png", "c.png", "e.png");
        File.WriteAllText(Path.Combine(folder, "b.jpg"), "none");
        File.WriteAllBytes(Path.Combine(folder, "d.png"), File.ReadAllBytes(Path.Combine(folder, "a.png"))[..80]);
        var whole = Predictions(Kd.Call("predict", run.Model, Path.Combine(folder, "e.png"), "--json"));
        foreach (var batch in (string[])["1", "2", "64"])
        {
            var result = Kd.Call("predict", run.Model, folder, "--json", "--batch", batch);
            var lines = Predictions(result, ExitCodes.Damaged);
            Assert.Equal(["a.png", "c.png", "e.png"], lines.Select(l => Path.GetFileName((string)l["path"]!)));
            Assert.Equal(
                (double)whole[0]["classes"]![0]!["probability"]!,
                (double)lines[2]["classes"]![0]!["probability"]!,
                5
            );
            Assert.NotEqual(
                (double)lines[1]["classes"]![0]!["probability"]!,
                (double)lines[2]["classes"]![0]!["probability"]!,
                4
            );
            var bad = result.Lines.Where(l => (string?)l["event"] == "unreadable").ToList();
            Assert.Equal(["b.jpg", "d.png"], bad.Select(l => Path.GetFileName((string)l["path"]!)));
            Assert.All(bad, l => Assert.Equal("KDP0824", (string?)l["code"]));
            Assert.Equal("KDP0824", (string?)result.Failure["code"]);
            Assert.Equal(2, (int)result.Lines[^1]["unreadable"]!);
        }
        var text = Kd.Call("predict", run.Model, folder);
        Assert.Equal((ExitCodes.Damaged, 3), (text.ExitCode, text.Output.TrimEnd().Split('\n').Length));
        Assert.Contains("b.jpg", text.Error);
        Assert.Contains("2 of 5 images", text.Error);
    }

    [Fact]
    public void Where_no_image_can_be_read_all_are_named()
    {
        File.WriteAllText(_kd.At("x.png"), "");
        var result = Kd.Call("predict", run.Model, _kd.At("x.png"), "--json");
        Assert.Empty(Predictions(result, ExitCodes.Damaged));
        Assert.Contains("1 of 1", (string?)result.Failure["message"]);
    }

    [Fact]
    public void Places_that_hold_nothing_are_refused_before_anything_is_read()
    {
        var empty = Directory.CreateDirectory(_kd.At("empty")).FullName;
        foreach (var place in (string[])[empty, _kd.At("nowhere"), _kd.At("none.png")])
        {
            var result = Kd.Call("predict", run.Model, run.Images, place);
            Assert.Equal((ExitCodes.Damaged, ""), (result.ExitCode, result.Output));
            Assert.StartsWith("KDP0804 ", result.Error);
            Assert.Contains(place, result.Error);
        }
    }

    [Fact]
    public void Links_in_a_circle_are_refused_and_others_followed()
    {
        var folder = Folder("a.png");
        Directory.CreateSymbolicLink(Path.Combine(folder, "same"), run.Images);
        Assert.Equal(65, Predictions(Kd.Call("predict", run.Model, folder, "--json")).Count);
        Directory.CreateSymbolicLink(Path.Combine(folder, "up"), folder);
        Assert.StartsWith("KDP0410 ", Kd.Call("predict", run.Model, folder).Error);
    }

    [Fact]
    public void Another_size_is_cropped_or_stretched()
    {
        // What the square in the middle has is an image of the test; around it is black.
        var image = Path.Combine(run.Images, "003.png");
        using var inner = SKBitmap.Decode(image);
        var wide = _kd.At("wide.png");
        StudentRun.WritePng(wide, 36, 12, (x, y) => x is >= 12 and < 24 ? inner.GetPixel(x - 12, y) : SKColors.Black);
        double Best(string path, params string[] more) =>
            (double)
                Predictions(Kd.Call(["predict", run.Model, path, "--json", .. more]))[0]["classes"]![0]![
                    "probability"
                ]!;
        Assert.Equal(Best(image), Best(wide), 5);
        Assert.Equal(Best(image), Best(wide, "--resize", "crop"), 5);
        Assert.NotEqual(Best(image), Best(wide, "--resize", "stretch"), 3);
    }

    [Fact]
    public void A_model_that_is_none_is_refused()
    {
        File.WriteAllText(_kd.At("bad.onnx"), "no model");
        File.WriteAllBytes(_kd.At("other.onnx"), KdPlugins.Tests.ColourStudent.Model(record: ""));
        File.WriteAllText(_kd.At("empty.onnx"), "");
        foreach (var name in (string[])["bad.onnx", "other.onnx", "empty.onnx"])
        {
            var result = Kd.Call("predict", _kd.At(name), run.Images);
            Assert.Equal(ExitCodes.Damaged, result.ExitCode);
            Assert.StartsWith("KDP0822 ", result.Error);
            Assert.Contains(name, result.Error);
        }
        Assert.StartsWith("KDP0600 ", Kd.Call("predict", _kd.At("none.onnx"), run.Images).Error);
    }

    [Theory]
    [InlineData("--csv", "--json")]
    [InlineData("--top", "0")]
    [InlineData("--top", "many")]
    [InlineData("--batch", "5000")]
    [InlineData("--resize", "fold")]
    public void Arguments_that_make_no_sense_are_refused(params string[] more)
    {
        var result = Kd.Call(["predict", run.Model, run.Images, .. more]);
        Assert.Equal(ExitCodes.Failed, result.ExitCode);
        Assert.Contains("KDP0801", result.Error);
        Assert.Empty(result.Output);
    }
}
