using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Commands.Students;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using Microsoft.ML.OnnxRuntime;
using SkiaSharp;

namespace KdPlugins.Host.Tests.Commands.Students;

/// <summary>A student as an ONNX model: what is written, and what is refused.</summary>
[Collection("commands")]
public sealed class ExportTests(StudentRun run) : IClassFixture<StudentRun>, IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    // A weight file with another record, or none.
    private string Changed(Action<JsonObject> change, string? text = null)
    {
        using var file = SafeTensorsFile.Open(run.Weights);
        var record = JsonNode.Parse(file.Metadata["kd.record"])!.AsObject();
        change(record);
        var path = _kd.At("changed.safetensors");
        var metadata = new Dictionary<string, string> { ["kd.record"] = text ?? record.ToJsonString() };
        if (text == "")
            metadata.Clear();
        using var scope = TorchSharp.torch.NewDisposeScope();
        WeightTensors.Save(file.Entries.Keys.ToDictionary(n => n, n => file.ToTensor(n)), path, metadata);
        return path;
    }

    private static void Refused(KdResult result, string code, int exitCode, params string[] parts)
    {
        Assert.Equal((exitCode, ""), (result.ExitCode, result.Output));
        Assert.StartsWith(code + " ", result.Error);
        foreach (var part in parts)
            Assert.Contains(part, result.Error);
    }

    [Fact]
    public void It_lies_beside_the_weights_and_says_what_it_takes()
    {
        var result = Kd.Call("export", run.Folder, "--json");
        Assert.True(result.ExitCode == 0, result.Error);
        var line = Assert.Single(result.Lines);
        var path = Path.Combine(run.Folder, "student.onnx");
        Assert.Equal(("export", path), ((string?)line["event"], (string?)line["file"]));
        Assert.Equal(new FileInfo(path).Length, (long)line["bytes"]!);
        Assert.InRange((double)line["difference"]!, 1e-12, 1e-5);
        using var session = new InferenceSession(path);
        Assert.Equal([-1, 3, 12, 12], session.InputMetadata["input"].Dimensions);
        Assert.Equal([-1, 4], session.OutputMetadata["logits"].Dimensions);
        Assert.Equal("kd", session.ModelMetadata.ProducerName);
        var record = JsonNode.Parse(session.ModelMetadata.CustomMetadataMap["kd.record"])!;
        Assert.Equal("cifar-resnet", (string?)record["network"]!["id"]);
        Assert.Equal(4, record["class_names"]!.AsArray().Count);
    }

    [Fact]
    public void With_preprocessing_it_takes_images_of_any_size_as_bytes()
    {
        using var session = new InferenceSession(run.PixelModel);
        Assert.Equal([-1, -1, -1, 3], session.InputMetadata["input"].Dimensions);
        Assert.Equal(typeof(byte), session.InputMetadata["input"].ElementType);
        // The square in the middle is an image of its own size: nothing of it is lost.
        using var inner = SKBitmap.Decode(Path.Combine(run.Images, "005.png"));
        float[] Ask(int width, int height, int left, int top)
        {
            var bytes = new byte[width * height * 3];
            for (var y = 0; y < 12; y++)
            for (var x = 0; x < 12; x++)
            {
                var (pixel, at) = (inner.GetPixel(x, y), ((y + top) * width + x + left) * 3);
                (bytes[at], bytes[at + 1], bytes[at + 2]) = (pixel.Red, pixel.Green, pixel.Blue);
            }
            using var input = OrtValue.CreateTensorValueFromMemory(bytes, [1, height, width, 3]);
            using var answers = session.Run(new RunOptions(), ["input"], [input], ["logits"]);
            return answers[0].GetTensorDataAsSpan<float>().ToArray();
        }
        var plain = Ask(12, 12, 0, 0);
        Assert.Equal(plain, Ask(31, 12, 9, 0));
        Assert.Equal(plain, Ask(12, 17, 0, 2));
        Assert.NotEqual(plain, Ask(24, 24, 6, 6));
    }

    // Half the size by the triangle 1, 3, 3, 1 in both directions, those of its weights that lie outside left out, then whole numbers.
    [Fact]
    public void The_graph_resizes_by_an_antialiasing_linear_filter_and_rounds()
    {
        var random = new Random(3);
        var bytes = new byte[24 * 24 * 3];
        for (var i = 0; i < bytes.Length; i++)
            // Whole numbers within, and sevenths at the edges: nothing lies halfway, where rounding errors decide.
            bytes[i] = (byte)(13 + 64 * random.Next(4));
        double[] weights = [1, 3, 3, 1];
        byte Filtered(int x, int y, int channel)
        {
            var (sum, all) = (0.0, 0.0);
            for (var i = 0; i < 4; i++)
            for (var j = 0; j < 4; j++)
            {
                var (row, column) = (2 * y - 1 + i, 2 * x - 1 + j);
                if (row is < 0 or > 23 || column is < 0 or > 23)
                    continue;
                sum += weights[i] * weights[j] * bytes[(row * 24 + column) * 3 + channel];
                all += weights[i] * weights[j];
            }
            return (byte)Math.Round(sum / all);
        }
        var small = new byte[12 * 12 * 3];
        for (var i = 0; i < small.Length; i++)
            small[i] = Filtered(i / 3 % 12, i / 36, i % 3);
        using var session = new InferenceSession(run.PixelModel);
        using var input = OrtValue.CreateTensorValueFromMemory(bytes, [1, 24, 24, 3]);
        using var answers = session.Run(new RunOptions(), ["input"], [input], ["logits"]);
        using var student = Student.Load(run.Model);
        var expected = student.Predict(small, 12, 12).Logits;
        foreach (var (a, b) in answers[0].GetTensorDataAsSpan<float>().ToArray().Zip(expected))
            Assert.Equal(b, a, 1e-4f);
    }

    [Theory]
    [InlineData("16", 16, 16)]
    [InlineData("8x20", 8, 20)]
    public void Another_size_is_another_graph_and_the_record_says_so(string size, int height, int width)
    {
        var path = _kd.At("sized.onnx");
        var result = Kd.Call("export", run.Folder, "--size", size, "--out", path);
        Assert.True(result.ExitCode == 0, result.Error);
        using var student = Student.Load(path);
        Assert.Equal((height, width), (student.Height, student.Width));
        Assert.DoesNotContain("\"results\"", student.Metadata["kd.record"]);
        Assert.NotEmpty(student.Predict(Path.Combine(run.Images, "000.png")).Logits);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("12x")]
    [InlineData("big")]
    [InlineData("8x8x3")]
    [InlineData("99999999999")]
    public void What_is_no_size_is_refused(string size) =>
        Refused(Kd.Call("export", run.Folder, "--size", size), "KDP0801", ExitCodes.Failed, $"'{size}'");

    [Fact]
    public void A_size_that_the_network_cannot_take_is_refused()
    {
        Refused(Kd.Call("export", run.Folder, "--size", "4"), "KDP0303", ExitCodes.BadRecipe);
        using var catalog = FolderPluginCatalog.Load(Kd.Plugins);
        var record = WeightFiles.Record("convnet", """{ "widths": [4] }""", 8, 8);
        var weights = WeightFiles.Write(catalog, record, _kd.At("flat.safetensors"));
        string[] export = ["export", weights, "--plugins", Kd.Plugins];
        Refused(Kd.Call([.. export, "--size", "12"]), "KDP0820", ExitCodes.Damaged, "12x12", "--size");
        Assert.False(File.Exists(_kd.At("flat.onnx")));
        Assert.Equal(0, Kd.Call(export).ExitCode);
        Assert.True(File.Exists(_kd.At("flat.onnx")));
    }

    [Fact]
    public void Weights_without_a_record_are_refused_unless_a_recipe_is_named()
    {
        var bare = Changed(_ => { }, "");
        string[] predict = ["predict", bare, run.Images, "--plugins", Kd.Plugins, "--json"];
        var lost = Kd.Call(predict);
        Assert.Equal((ExitCodes.Damaged, "KDP0820"), (lost.ExitCode, (string?)lost.Failure["code"]));
        Assert.Contains("--recipe", (string?)lost.Failure["message"]);
        var found = Kd.Call([.. predict, "--recipe", run.RecipeFile]);
        Assert.True(found.ExitCode == 0, found.Error);
        var own = Kd.Call("predict", run.Folder, run.Images, "--json");
        Assert.Equal(
            own.Lines.SkipLast(1).Select(l => l.ToJsonString()),
            found.Lines.SkipLast(1).Select(l => l.ToJsonString())
        );
        var role = Kd.Call([.. predict, "--recipe", run.RecipeFile, "--role", "nobody"]);
        Assert.Equal("KDP0301", (string?)role.Failure["code"]);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("""{ "input": { "kind": "tokens" } }""")]
    [InlineData("""{ "input": { "kind": "image" }, "network_input": [3, 8, 8] }""")]
    [InlineData("""{ "input": { "kind": "image" }, "network_input": [3, "x", 8], "network": {} }""")]
    public void A_record_that_cannot_be_used_is_refused(string record)
    {
        var path = Changed(_ => { }, record);
        Refused(Kd.Call("export", path, "--plugins", Kd.Plugins), "KDP0820", ExitCodes.Damaged, "changed.safetensors");
    }

    [Fact]
    public void An_architecture_that_nobody_brings_is_named()
    {
        var path = Changed(r => r["network"]!["id"] = "cifar-resne");
        Refused(Kd.Call("export", path, "--plugins", Kd.Plugins), "KDP0201", ExitCodes.BadRecipe, "cifar-resnet");
    }

    [Fact]
    public void Preprocessing_that_is_no_normalisation_stays_outside()
    {
        var path = Changed(r => r.Remove("normalisation"));
        string[] plugins = ["--plugins", Kd.Plugins];
        Refused(Kd.Call(["export", path, "--with-preprocessing", .. plugins]), "KDP0823", ExitCodes.Failed);
        Refused(Kd.Call(["predict", path, run.Images, .. plugins]), "KDP0823", ExitCodes.Damaged);
        Assert.Equal(0, Kd.Call(["export", path, .. plugins]).ExitCode);
        Refused(Kd.Call("predict", _kd.At("changed.onnx"), run.Images), "KDP0823", ExitCodes.Damaged);
    }

    [Fact]
    public void Of_several_seeds_one_has_to_be_named()
    {
        foreach (var seed in (string[])["seed-1", "seed-2"])
        {
            Directory.CreateDirectory(_kd.At($"seeds/{seed}"));
            File.Copy(run.Weights, _kd.At($"seeds/{seed}/student.safetensors"));
        }
        File.Copy(Path.Combine(run.Folder, "origin.json"), _kd.At("seeds/origin.json"));
        Refused(Kd.Call("export", _kd.At("seeds")), "KDP0801", ExitCodes.Failed, "seed-1, seed-2");
        Assert.Equal(0, Kd.Call("export", _kd.At("seeds/seed-2/student.safetensors")).ExitCode);
        Assert.True(File.Exists(_kd.At("seeds/seed-2/student.onnx")));
    }

    [Fact]
    public void What_cannot_be_written_or_read_is_said()
    {
        Refused(Kd.Call("export", run.Folder, "--out", _kd.At("no/x.onnx")), "KDP0560", ExitCodes.Damaged);
        Refused(Kd.Call("export", _kd.At("none")), "KDP0600", ExitCodes.Folder);
        Refused(Kd.Call("export", run.Folder, "--role", "nobody"), "KDP0804", ExitCodes.Damaged);
        Refused(Kd.Call("export", run.Folder, "--format", "pt"), "KDP0801", ExitCodes.Failed);
    }

    [Fact]
    public void Libraries_that_are_nowhere_are_named_with_every_place()
    {
        var missing = Assert.Throws<KdException>(() =>
            StudentLibraries.Find(_kd.At("app"), [_kd.At("packages")], "libx.so", "x", "1.2.3")
        );
        Assert.Equal("KDP0825", missing.Code.Id);
        Assert.Contains(_kd.At("app/libx.so"), missing.Message);
        Assert.Contains(_kd.At("packages/x/1.2.3/runtimes/linux-x64/native/libx.so"), missing.Message);
    }
}
