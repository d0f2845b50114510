using System.Text.Json.Nodes;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Models.Tests;

/// <summary>Networks made by what a weight file says of itself.</summary>
public sealed class StudentNetworkTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kd-student-network-").FullName;
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        Directory.Delete(_folder, true);
    }

    private static JsonObject Record(string id = "wrn", string options = """{ "depth": 10, "width": 1 }""") =>
        JsonNode
            .Parse(
                $$"""
                {
                  "format": "1.0", "classes": 3, "outputs": 3, "class_names": ["a", "b", "c"], "network_input": [3, 8, 8],
                  "normalisation": { "mean": [0.5, 0.25, 0.125], "std": [0.5, 0.25, 2] },
                  "network": { "id": "{{id}}", "options": {{options}} }, "results": { "values": { "accuracy": 1 } }
                }
                """
            )!
            .AsObject();

    // The weights of a network that was made otherwise.
    private (string Path, StagedNetwork Network) Write(JsonObject? record, string? text = null)
    {
        var network = Zoo.Create("wrn_10_1", 3, 8);
        using (no_grad())
            foreach (var parameter in network.Module.parameters())
                parameter.add_(0.01 * randn_like(parameter));
        var path = Path.Combine(_folder, "student.safetensors");
        Dictionary<string, string> metadata = [];
        if (record is not null || text is not null)
            metadata["kd.record"] = text ?? record!.ToJsonString();
        WeightTensors.Save(ModuleWeights.State(network.Module), path, metadata);
        return (path, network);
    }

    private static void Refused(string code, Action act, params string[] parts)
    {
        var failure = Assert.Throws<KdException>(act);
        Assert.Equal(code, failure.Code.Id);
        foreach (var part in parts)
            Assert.Contains(part, failure.Message);
    }

    [Fact]
    public void It_answers_as_the_network_that_was_saved_and_says_what_it_takes()
    {
        var (path, network) = Write(Record());
        using var student = StudentNetwork.Load(path);
        Assert.Equal(["a", "b", "c"], student.ClassNames);
        Assert.Equal([3, 8, 8], student.InputShape);
        Assert.False(student.Module.training);
        using var noGrad = no_grad();
        network.Module.eval();
        var x = randn(4, 3, 8, 8);
        Assert.Equal(network.Forward(x, null, []).Logits, student.Module.call(x));
    }

    [Fact]
    public void Images_are_prepared_as_the_file_says()
    {
        using var student = StudentNetwork.Load(Write(Record()).Path);
        var bytes = full([1, 3, 8, 8], 51, ScalarType.Byte);
        var prepared = student.Prepare(bytes);
        Assert.Equal(ScalarType.Float32, prepared.dtype);
        for (var c = 0; c < 3; c++)
            Assert.Equal(
                new[] { (0.2 - 0.5) / 0.5, (0.2 - 0.25) / 0.25, (0.2 - 0.125) / 2 }[c],
                prepared[0, c, 5, 3].item<float>(),
                1e-6
            );
        Assert.True(allclose(prepared, student.Prepare(bytes.@float() / 255)));
        Assert.Throws<ArgumentException>(() => student.Prepare(zeros(1, 3, 8, 9)));
        Assert.Throws<ArgumentException>(() => student.Prepare(zeros(3, 8, 8)));
        var plain = Record();
        plain.Remove("normalisation");
        using var other = StudentNetwork.Load(Write(plain).Path);
        Assert.Equal(0.2, other.Prepare(bytes)[0, 1, 2, 3].item<float>(), 1e-6);
    }

    [Fact]
    public void What_is_saved_is_loaded_again_without_the_results_of_other_weights()
    {
        using var student = StudentNetwork.Load(Write(Record()).Path);
        using (no_grad())
            student.Module.parameters().First().add_(1);
        var path = Path.Combine(_folder, "further.safetensors");
        student.Save(path);
        using var again = StudentNetwork.Load(path);
        Assert.Equal(student.Module.parameters().First(), again.Module.parameters().First());
        using var file = SafeTensorsFile.Open(path);
        var record = JsonNode.Parse(file.Metadata["kd.record"])!;
        Assert.Null(record["results"]);
        Assert.Equal("wrn", (string?)record["network"]!["id"]);
    }

    [Fact]
    public void Files_that_say_nothing_or_something_else_are_refused()
    {
        Refused("KDP0417", () => StudentNetwork.Load(Write(null).Path), "no such kd.record");
        Refused("KDP0417", () => StudentNetwork.Load(Write(null, "{ broken").Path), "no JSON");
        Refused("KDP0417", () => StudentNetwork.Load(Write(Record("of-others")).Path), "'of-others'");
        var cut = Record();
        cut.Remove("outputs");
        Refused("KDP0417", () => StudentNetwork.Load(Write(cut).Path), "cannot be read");
        Refused("KDP0550", () => StudentNetwork.Load(Write(Record(options: """{ "depth": 16, "width": 1 }""")).Path));
        var missing = Assert.ThrowsAny<Exception>(() => StudentNetwork.Load(Path.Combine(_folder, "none.safetensors")));
        Assert.Contains("none.safetensors", missing.Message);
    }
}
