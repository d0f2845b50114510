using System.Security.Cryptography;
using KdPlugins.Core;
using KdPlugins.OnnxModels;
using KdPlugins.Torch;
using KdPlugins.Torch.Onnx;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Models.Tests;

/// <summary>Networks of ONNX files against the networks that the files were made of.</summary>
public sealed class OnnxTeacherTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kd-onnx-").FullName;
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly INetwork _network = Frozen();

    // The form that 'kd export' writes.
    private static INetwork Frozen()
    {
        var plain = Zoo.Disturbed("resnet8", 3, side: 8);
        using (plain.Module)
            return plain.Freeze(ScalarType.Float32);
    }

    public void Dispose()
    {
        _network.Module.Dispose();
        _scope.Dispose();
        Directory.Delete(_folder, true);
    }

    // batch: a number, or a name for any. The taps 'layer2' and 'pooled' are outputs too.
    private string Write(object batch, Func<GraphValue, OnnxGraph, GraphValue>? last = null, string logits = "logits")
    {
        var graph = new OnnxGraph();
        var input = graph.Input("image", GraphType.Float32, batch, 3, 8, 8);
        foreach (
            var (name, value) in new (string, Func<ModelOutput, Tensor>)[]
            {
                ("layer2", o => o.Feature("layer2")),
                ("pooled", o => o.Embedding),
                (logits, o => o.Logits),
            }
        )
        {
            var sample = zeros(2, 3, 8, 8);
            var (found, shape) = GraphTrace.Record(
                graph,
                input,
                _network.Module,
                sample,
                x => value(_network.Forward(x, null, ["layer2"]))
            );
            if (name == logits && last is not null)
                found = last(found, graph);
            graph.Output(name, found, GraphType.Float32, [batch, .. shape.Select(d => (object)d)]);
        }
        var path = Path.Combine(_folder, $"{Guid.NewGuid():n}.onnx");
        File.WriteAllBytes(path, graph.ToBytes(new Dictionary<string, string>(), ("tests", "1")));
        return path;
    }

    private static INetwork Open(OnnxTeacherOptions options, long[]? input = null, long classes = 7, string folder = "")
    {
        var shape = input ?? [3, 8, 8];
        IModelPlugin plugin = new OnnxTeacherPlugin();
        plugin.Configure(options);
        var data = new DataInfo(InputKind.Image, shape, TargetKind.ClassIndex, classes, [], [], [], []);
        return plugin.Create(new ModelRequest(shape, classes, data, folder));
    }

    private static Generator Gen(ulong seed) => new(seed);

    private static void Close(Tensor expected, Tensor found) =>
        Assert.InRange((expected - found).abs().max().item<float>(), 0, 1e-5f);

    private static KdException Refused(string code, Action act, params string[] parts)
    {
        var failure = Assert.Throws<KdException>(act);
        Assert.Equal(code, failure.Code.Id);
        Assert.StartsWith("KDP", failure.Message);
        foreach (var part in parts.Append("onnx-teacher"))
            Assert.Contains(part, failure.Message);
        return failure;
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public void It_answers_as_the_network_that_was_written(int batch)
    {
        using var noGrad = no_grad();
        var network = Open(new() { Path = Write("batch"), Embedding = "pooled" });
        var x = randn(batch, 3, 8, 8, generator: Gen(7));
        var expected = _network.Forward(x, null, ["layer2"]);
        var found = network.Forward(x, null, ["layer2"]);
        Close(expected.Logits, found.Logits);
        Close(expected.Embedding, found.Embedding);
        Close(expected.Feature("layer2"), found.Feature("layer2"));
        Assert.Equal(ScalarType.Float32, found.Logits.dtype);
        Assert.Empty(network.Module.parameters());
        network.Module.Dispose();
    }

    [Fact]
    public void Its_shape_says_what_it_takes_and_gives()
    {
        var network = Open(new() { Path = Write("batch"), Embedding = "pooled" });
        Assert.Equal([3, 8, 8], network.Shape.Input);
        Assert.Equal((7, 64), (network.Shape.Classes, network.Shape.Embedding));
        Assert.Equal(["layer2", "pooled"], network.Shape.Taps.Select(t => t.Name));
        Assert.Equal([32, 4, 4], network.Shape.Tap("layer2").Shape);
        Assert.False(network.Shape.Tap("layer2").IsPreActivation);
    }

    // What comes as channels_last, or as less than float32, is the same image.
    [Fact]
    public void Layout_and_precision_of_a_batch_do_not_matter()
    {
        using var noGrad = no_grad();
        var network = Open(new() { Path = Write("batch") });
        var x = randn(4, 3, 8, 8, generator: Gen(8)).bfloat16();
        var expected = network.Forward(x.@float(), null, []).Logits;
        Assert.Equal(expected, network.Forward(x.contiguous(), null, []).Logits);
        Assert.Equal(
            expected,
            network.Forward(x.@float().permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2), null, []).Logits
        );
    }

    // Files are often exported for a fixed batch.
    [Theory]
    [InlineData(1, 5)]
    [InlineData(4, 6)]
    [InlineData(4, 3)]
    [InlineData(4, 8)]
    public void A_file_for_so_many_samples_takes_any_number_of_them(int fixedBatch, int batch)
    {
        using var noGrad = no_grad();
        var network = Open(new() { Path = Write(fixedBatch) });
        var x = randn(batch, 3, 8, 8, generator: Gen(9));
        var output = network.Forward(x, null, ["layer2"]);
        Close(_network.Forward(x, null, []).Logits, output.Logits);
        Assert.Equal(batch, output.Feature("layer2").shape[0]);
    }

    [Fact]
    public void A_file_that_takes_channels_last_gets_them()
    {
        using var noGrad = no_grad();
        var graph = new OnnxGraph();
        var input = graph.Input("image", GraphType.Float32, "batch", 4, 8, 3);
        var (rows, _) = GraphTrace.Record(
            graph,
            input,
            nn.Identity(),
            zeros(2, 4, 8, 3),
            x => Traced.Mean(Traced.Mean(x, [1]), [1])
        );
        graph.Output("logits", rows, GraphType.Float32, "batch", 3);
        var path = Path.Combine(_folder, "last.onnx");
        File.WriteAllBytes(path, graph.ToBytes(new Dictionary<string, string>(), ("tests", "1")));
        var network = Open(new() { Path = path }, [3, 4, 8], 3);
        var x = randn(2, 3, 4, 8, generator: Gen(10));
        Close(x.mean([2, 3]), network.Forward(x, null, []).Logits);
    }

    [Fact]
    public void Probabilities_are_found_out_and_their_logarithms_serve_as_logits()
    {
        using var noGrad = no_grad();
        var path = Write("batch", (v, g) => g.Node("Softmax", [v], ("axis", 1)));
        Refused("KDP0306", () => Open(new() { Path = path }), "probabilities", "\"answer\": \"probabilities\"");
        var network = Open(new() { Path = path, Answer = OnnxAnswer.Probabilities });
        var x = randn(3, 3, 8, 8, generator: Gen(11));
        Close(nn.functional.log_softmax(_network.Forward(x, null, []).Logits, 1), network.Forward(x, null, []).Logits);
    }

    [Fact]
    public void Probabilities_of_zero_stay_finite()
    {
        using var noGrad = no_grad();
        var path = Write(
            "batch",
            (v, g) => g.Node("Softmax", [g.Node("Mul", [v, g.Constant(tensor(1e6f), "million")])], ("axis", 1))
        );
        var network = Open(new() { Path = path, Answer = OnnxAnswer.Probabilities });
        var logits = network.Forward(randn(3, 3, 8, 8, generator: Gen(12)), null, []).Logits;
        Assert.True(logits.isfinite().all().item<bool>());
        Assert.True(logits.min().item<float>() < -80);
    }

    [Fact]
    public void The_main_output_is_the_one_that_is_named()
    {
        var path = Write("batch", logits: "scores");
        // The first output is a map of other values.
        Refused("KDP0303", () => Open(new() { Path = path }), "32 classes", "'layer2'");
        Assert.Equal(7, Open(new() { Path = path, Logits = "scores" }).Shape.Classes);
        Refused("KDP0417", () => Open(new() { Path = path, Logits = "score" }), "'score'", "layer2, pooled, scores");
        Refused(
            "KDP0417",
            () =>
                Open(
                    new()
                    {
                        Path = path,
                        Logits = "scores",
                        Embedding = "none",
                    }
                ),
            "'none'"
        );
        Refused(
            "KDP0417",
            () =>
                Open(
                    new()
                    {
                        Path = path,
                        Logits = "scores",
                        Embedding = "layer2",
                    }
                ),
            "[2, length]"
        );
    }

    [Fact]
    public void Gradients_to_its_input_are_refused_not_left_out()
    {
        var network = Open(new() { Path = Write("batch") });
        var x = randn(2, 3, 8, 8, requires_grad: true);
        Refused("KDP0306", () => network.Forward(x, null, []), "gradients");
        using var noGrad = no_grad();
        Assert.False(network.Forward(x, null, []).Logits.requires_grad);
    }

    [Fact]
    public void A_tap_that_is_not_there_is_named()
    {
        var network = Open(new() { Path = Write("batch") });
        var failure = Assert.Throws<KdException>(() => network.Forward(zeros(2, 3, 8, 8), null, ["layer9"]));
        Assert.Equal("KDP0302", failure.Code.Id);
        Assert.Contains("layer2", failure.Message);
    }

    // What a checkpoint has kept is another file's hash.
    [Fact]
    public void Another_file_than_the_one_that_a_run_began_with_is_refused()
    {
        using var noGrad = no_grad();
        var path = Write("batch");
        var network = Open(new() { Path = path });
        var kept = network.Module.get_buffer("file_sha256")!;
        Assert.Equal(SHA256.HashData(File.ReadAllBytes(path)), kept.data<byte>().ToArray());
        network.Forward(zeros(2, 3, 8, 8), null, []);
        kept[0] = kept[0].bitwise_xor(tensor((byte)1));
        Refused("KDP0417", () => network.Forward(zeros(2, 3, 8, 8), null, []), "another file", path);
    }

    [Fact]
    public void Relative_paths_start_at_the_folder_of_the_recipe()
    {
        var path = Write("batch");
        Assert.Equal(7, Open(new() { Path = Path.GetFileName(path) }, folder: _folder).Shape.Classes);
        Refused("KDP0401", () => Open(new() { Path = Path.GetFileName(path) }), "finds no file");
    }

    [Theory]
    [InlineData("empty", "")]
    [InlineData("text", "not a model")]
    public void What_is_no_model_is_refused(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        Refused("KDP0417", () => Open(new() { Path = path }), path);
        Refused("KDP0401", () => Open(new() { Path = _folder }), _folder);
    }

    [Fact]
    public void A_model_that_is_cut_anywhere_is_refused_or_gives_the_same()
    {
        using var noGrad = no_grad();
        var bytes = File.ReadAllBytes(Write("batch"));
        var x = randn(2, 3, 8, 8, generator: Gen(13));
        var expected = _network.Forward(x, null, []).Logits;
        for (var i = 0; i < 40; i++)
        {
            var path = Path.Combine(_folder, $"cut{i}.onnx");
            File.WriteAllBytes(path, bytes[..(bytes.Length * i / 40)]);
            using var scope = NewDisposeScope();
            try
            {
                Close(expected, Open(new() { Path = path }).Forward(x, null, []).Logits);
            }
            catch (KdException e)
            {
                Assert.Contains(e.Code.Id, (string[])["KDP0417", "KDP0303"]);
            }
        }
    }

    [Fact]
    public void Other_samples_and_classes_are_refused()
    {
        var path = Write("batch");
        Refused("KDP0303", () => Open(new() { Path = path }, [3, 9, 8]), "[any, 3, 8, 8]", "[3, 9, 8]");
        Refused("KDP0303", () => Open(new() { Path = path }, [192]), "[192]");
        Refused("KDP0303", () => Open(new() { Path = path }, classes: 10), "7 classes", "the run has 10");
    }

    [Fact]
    public void Inputs_of_other_kinds_are_refused()
    {
        var graph = new OnnxGraph();
        var bytes = graph.Input("image", GraphType.UInt8, "batch", 3, 8, 8);
        graph.Output("logits", graph.Node("Cast", [bytes], ("to", 1L)), GraphType.Float32, "batch", 3, 8, 8);
        var path = Path.Combine(_folder, "bytes.onnx");
        File.WriteAllBytes(path, graph.ToBytes(new Dictionary<string, string>(), ("tests", "1")));
        Refused("KDP0417", () => Open(new() { Path = path }), "Byte", "'image'");
    }
}
