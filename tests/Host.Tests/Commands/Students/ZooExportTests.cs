using System.Text;
using KdPlugins.Host.Commands;
using KdPlugins.Host.Commands.Students;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands.Students;

/// <summary>Every image network that ships answers in ONNX Runtime as in libtorch: at two sizes, one image and seven.</summary>
[Collection("commands")]
public sealed class ZooExportTests(ZooExportTests.Shipped shipped) : IClassFixture<ZooExportTests.Shipped>, IDisposable
{
    private const double Tolerance = 1e-4;

    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    /// <summary>The plugins as they ship, loaded once.</summary>
    public sealed class Shipped : IDisposable
    {
        public Shipped()
        {
            StudentLibraries.Announce();
            Host = PluginHost.Load(Kd.Plugins);
            Host.StartTorch(2);
        }

        internal PluginHost Host { get; }

        public void Dispose() => Host.Dispose();
    }

    private static readonly (string Id, string Options, int Small, int Large)[] All =
    [
        ("cifar-resnet", """{ "depth": 8 }""", 8, 12),
        ("resnet", """{ "depth": 10, "width": 4, "stemPadding": 2, "naming": "distiller" }""", 8, 13),
        ("resnet", """{ "depth": 50, "width": 4, "stem": "imagenet" }""", 32, 49),
        ("convnet", """{ "widths": [8, 16] }""", 8, 11),
        ("convnet", """{ "widths": [8, 16], "norm": "instance", "pooling": "max", "naming": "features" }""", 8, 12),
        ("convnet", """{ "widths": [8], "norm": "none" }""", 8, 9),
        ("wrn", """{ "depth": 10, "width": 1, "dropout": 0.3 }""", 8, 12),
        ("vgg", """{ "depth": 8 }""", 8, 64),
        ("vgg", """{ "depth": 8, "batchNorm": false, "form": "features" }""", 32, 64),
        ("mobilenet-v2", """{ "width": 0.2, "expansion": 2 }""", 16, 24),
        ("mobilenet-v2", """{ "form": "cifar", "width": 0.2, "expansion": 2 }""", 16, 20),
        ("shufflenet-v1", """{ "groups": 2 }""", 16, 24),
        ("shufflenet-v1", """{ "groups": 3 }""", 16, 20),
        ("efficientnet-b0", """{ "dropConnect": 0.2 }""", 32, 40),
        ("alexnet", "{}", 8, 19),
        ("deeplab-v3", """{ "backbone": "resnet10", "width": 0.1, "stem": "deep" }""", 32, 41),
        ("deeplab-v3", """{ "backbone": "mobilenet-v2", "width": 0.1, "outputStride": 16 }""", 32, 60),
        ("pspnet", """{ "backbone": "resnet10", "width": 0.1 }""", 48, 75),
        ("unet", """{ "widths": [4, 8, 12] }""", 8, 21),
    ];

    public static TheoryData<string, string, int, int> Members
    {
        get
        {
            var members = new TheoryData<string, string, int, int>();
            foreach (var (id, options, small, large) in All)
            {
                members.Add(id, options, small, small);
                // No square, so that nobody confuses height and width.
                members.Add(id, options, large, large + 4);
            }
            return members;
        }
    }

    [Theory]
    [MemberData(nameof(Members))]
    public void ONNX_Runtime_answers_as_libtorch_in_double_precision(string id, string options, int height, int width)
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var record = WeightFiles.Record(id, options, height, width);
        var weights = WeightFiles.Write(shipped.Host.Catalog, record, _kd.At("student.safetensors"));
        using var network = RecordedNetwork.Open(shipped.Host, weights, null, null);
        var model = OnnxExport.Make(network, withPreprocessing: false);
        network.Network.Module.to(ScalarType.Float64);
        using var session = new InferenceSession(model);
        foreach (var count in (int[])[1, 7])
        {
            var images = randn(count, 3, height, width);
            var expected = network.Network.Forward(images.to(ScalarType.Float64), null, []).Logits;
            using var input = OrtValue.CreateTensorValueFromMemory(images.data<float>().ToArray(), images.shape);
            using var answers = session.Run(new RunOptions(), ["input"], [input], ["logits"]);
            // A class per image, or per place.
            Assert.Equal([count, 5], expected.shape[..2]);
            Assert.Equal(expected.shape, answers[0].GetTensorTypeAndShape().Shape);
            var actual = tensor(answers[0].GetTensorDataAsSpan<float>().ToArray()).reshape(expected.shape);
            var off = (actual.to(ScalarType.Float64) - expected).abs().max().item<double>();
            Assert.InRange(off / Math.Max(1, expected.abs().max().item<double>()), 0, Tolerance);
            // Answers to different images differ, so that the comparison says something.
            if (count > 1)
                Assert.NotEqual(0, expected.std(0).max().item<double>(), 1e-3);
        }
        // Those that stand before a convolution cannot be folded.
        var text = Encoding.Latin1.GetString(model);
        Assert.Equal(id == "wrn", text.Contains("BatchNormalization", StringComparison.Ordinal));
    }

    [Fact]
    public void No_image_network_that_ships_is_left_out()
    {
        var shippedIds = shipped
            .Host.Catalog.Plugins.Where(p => p.Kind == Core.PluginKind.Model && p.Assembly == "KdPlugins.Models")
            .Select(p => p.Id);
        Assert.Equal(shippedIds.Order(), All.Select(m => m.Id).Distinct().Order());
    }
}
