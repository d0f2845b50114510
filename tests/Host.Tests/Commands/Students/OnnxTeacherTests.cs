using System.Text.Json.Nodes;

namespace KdPlugins.Host.Tests.Commands.Students;

/// <summary>A network that 'kd export' has written, as the teacher of another run.</summary>
[Collection("commands")]
public sealed class OnnxTeacherTests(StudentRun run) : IClassFixture<StudentRun>, IDisposable
{
    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    private string Recipe(string teacher, Action<JsonObject>? change = null)
    {
        var recipe = JsonNode.Parse(StudentRun.Recipe)!.AsObject();
        recipe["models"]!["teacher"] = JsonNode.Parse(teacher);
        recipe["losses"] = JsonNode.Parse(
            """[ { "id": "cross-entropy" }, { "id": "kd", "options": { "temperature": 4 } } ]"""
        );
        recipe["strategy"] = JsonNode.Parse("""{ "id": "offline" }""");
        // Few steps: rounding grows from each to the next.
        recipe["dataset"]!["options"]!["train"] = 256;
        recipe["training"]!["epochs"] = 2;
        recipe["checkpoints"] = new JsonObject { ["everySteps"] = 4 };
        change?.Invoke(recipe);
        return _kd.Write("onnx.json", recipe.ToJsonString());
    }

    private string OfFile(string model) =>
        $$"""{ "id": "onnx-teacher", "options": { "path": {{JsonValue.Create(model)!.ToJsonString()}} } }""";

    private KdResult Run(string recipe, string name, params string[] more) =>
        Kd.Call(["run", recipe, "--out", _kd.At(name), "--plugins", Kd.Plugins, "--json", .. more]);

    private double Loss(string name)
    {
        var report = JsonNode.Parse(File.ReadAllText(Path.Combine(_kd.At(name), "report.json")))!;
        return (double)report["student"]!["test_loss"]!["last"]!;
    }

    // The same weights teach the same, whichever library computes them.
    [Fact]
    public void It_teaches_as_the_network_that_was_exported()
    {
        var weights = $$"""{ "id": "cifar-resnet", "options": { "depth": 8 }, "weights": "{{run.Weights}}" }""";
        foreach (var (name, teacher) in new[] { ("file", OfFile(run.Model)), ("weights", weights) })
        {
            var result = Run(Recipe(teacher), name);
            Assert.True(result.ExitCode == 0, result.Error);
            Assert.DoesNotContain("learns from noise", result.Output);
        }
        Assert.Equal(Loss("weights"), Loss("file"), 3e-3);
        // Without the teacher it is another student.
        Assert.Equal(0, Run(Recipe(OfFile(run.Model), r => r["losses"]![1]!["weight"] = 1e-6), "alone").ExitCode);
        Assert.True(Math.Abs(Loss("alone") - Loss("file")) > 3e-3);
    }

    [Fact]
    public void A_check_says_what_it_is_and_that_it_is_trained()
    {
        var result = Kd.Call("check", Recipe(OfFile(run.Model)), "--plugins", Kd.Plugins, "--json");
        Assert.True(result.ExitCode == 0, result.Error);
        var line = Assert.Single(result.Lines, l => (string?)l["event"] == "check");
        Assert.True((bool)line["teacher"]!["trained"]!);
        Assert.Equal(run.Accuracy(), (double)line["teacher"]!["values"]!["accuracy"]!, 1e-9);
    }

    [Fact]
    public async Task A_run_does_not_go_on_with_another_file()
    {
        var model = _kd.At("teacher.onnx");
        File.Copy(run.Model, model);
        var recipe = Recipe(OfFile(model), r => r["training"]!["epochs"] = 500);
        using (var process = Kd.Start("run", recipe, "--out", _kd.At("cut"), "--plugins", Kd.Plugins))
        {
            var checkpoints = Path.Combine(_kd.At("cut"), "checkpoints");
            while (
                !process.HasExited && !Directory.Exists(checkpoints)
                || Directory.GetFileSystemEntries(checkpoints).Length < 2
            )
                await Task.Delay(20);
            process.Kill();
            await process.WaitForExitAsync();
        }
        // Of the same network; its metadata say something else.
        var bytes = File.ReadAllBytes(model);
        var at = bytes.AsSpan().IndexOf("cifar-resnet"u8);
        bytes[at] = (byte)'C';
        File.WriteAllBytes(model, bytes);
        var result = Kd.Call("resume", _kd.At("cut"), "--max-steps-per-stage", "1");
        Assert.Equal(ExitCodes.Damaged, result.ExitCode);
        Assert.StartsWith("KDP0417 ", result.Error);
        Assert.Contains(model, result.Error);
    }

    [Fact]
    public void A_stage_that_trains_it_is_refused()
    {
        var recipe = Recipe(
            OfFile(run.Model),
            r =>
            {
                r["strategy"] = JsonNode.Parse("""{ "id": "supervised", "options": { "role": "teacher" } }""");
                r["losses"]!.AsArray().RemoveAt(1);
            }
        );
        var result = Kd.Call("check", recipe, "--plugins", Kd.Plugins);
        Assert.Equal(ExitCodes.BadRecipe, result.ExitCode);
        Assert.StartsWith("KDP0306 ", result.Error);
        Assert.Contains("no parameters", result.Error);
        Assert.Contains("onnx-teacher", result.Error);
    }

    [Fact]
    public void A_file_that_is_not_there_is_named_once()
    {
        var result = Kd.Call("check", Recipe(OfFile("nowhere.onnx")), "--plugins", Kd.Plugins);
        Assert.Equal(ExitCodes.Damaged, result.ExitCode);
        Assert.StartsWith("KDP0401 ", result.Error);
        Assert.Contains(_kd.At("nowhere.onnx"), result.Error);
    }
}
