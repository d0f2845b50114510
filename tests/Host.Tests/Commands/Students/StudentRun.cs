using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Commands.Students;
using KdPlugins.Host.Loading.Folders;
using SkiaSharp;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands.Students;

/// <summary>A tiny run, its test images as files, and what was exported of it.</summary>
public sealed class StudentRun : IDisposable
{
    internal const string Recipe = """
        {
          "name": "student", "seed": 5, "device": "cpu", "wrongLayers": "warn",
          "dataset": { "id": "shapes", "options": { "train": 1024, "test": 64, "classes": 4, "size": 12, "noise": 0.02, "clutter": 0, "occlusion": 0 } },
          "models": { "student": { "id": "cifar-resnet", "options": { "depth": 8 } } },
          "augmentations": { "shared": [ { "id": "normalise", "options": { "mean": [0.5, 0.4, 0.3], "std": [0.25, 0.2, 0.3] } } ] },
          "losses": [ { "id": "cross-entropy" } ],
          "strategy": { "id": "supervised", "options": { "role": "student" } },
          "training": { "epochs": 8, "batchSize": 16, "optimiser": { "name": "adam", "learningRate": 0.003 } }
        }
        """;

    private readonly Kd _kd = new();

    public StudentRun()
    {
        // The images of the tests are written by SkiaSharp.
        StudentLibraries.Announce();
        Folder = _kd.At("run");
        RecipeFile = _kd.Write("student.json", Recipe);
        var run = Kd.Call("run", RecipeFile, "--out", Folder, "--plugins", Kd.Plugins);
        Assert.True(run.ExitCode == 0, run.Error + run.Output);
        Images = _kd.At("images");
        Labels = WriteImages();
        Model = Export("student.onnx");
        PixelModel = Export("pixels.onnx", "--with-preprocessing");
    }

    internal string Folder { get; }

    internal string RecipeFile { get; }

    internal string Weights => Path.Combine(Folder, "student.safetensors");

    /// <summary>The test images, 000.png and so on.</summary>
    internal string Images { get; }

    /// <summary>Their classes.</summary>
    internal IReadOnlyList<long> Labels { get; }

    internal string Model { get; }

    internal string PixelModel { get; }

    /// <summary>What an evaluation finds.</summary>
    internal double Accuracy() =>
        (double)Assert.Single(Kd.Call("eval", Folder, "--json").Lines)["values"]!["accuracy"]!;

    public void Dispose() => _kd.Dispose();

    internal static void WritePng(string path, int width, int height, Func<int, int, SKColor> colour)
    {
        using var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul));
        for (var y = 0; y < height; y++)
        for (var x = 0; x < width; x++)
            bitmap.SetPixel(x, y, colour(x, y));
        using var data = bitmap.Encode(SKEncodedImageFormat.Png, 100);
        File.WriteAllBytes(path, data.ToArray());
    }

    private string Export(string name, params string[] more)
    {
        var result = Kd.Call(["export", Folder, "--out", _kd.At(name), .. more]);
        Assert.True(result.ExitCode == 0, result.Error);
        return _kd.At(name);
    }

    private long[] WriteImages()
    {
        Directory.CreateDirectory(Images);
        using var scope = NewDisposeScope();
        using var catalog = FolderPluginCatalog.Load(Kd.Plugins);
        using var plugin = catalog.Create(PluginKind.Dataset, "shapes");
        var options = JsonNode.Parse(Recipe)!["dataset"]!["options"]!.ToJsonString();
        plugin.Plugin.Configure(OptionsBinder.Bind(plugin.Plugin.OptionsType, options, "the test"));
        using var data = ((IDatasetPlugin)plugin.Plugin).Open(".");
        var batch = data.Open("test").Read(Enumerable.Range(0, 64).Select(i => (long)i).ToArray());
        var bytes = batch.Input.contiguous().data<byte>().ToArray();
        for (var i = 0; i < 64; i++)
        {
            var from = i * 3 * 144;
            byte At(int channel, int x, int y) => bytes[from + channel * 144 + y * 12 + x];
            WritePng(
                Path.Combine(Images, $"{i:000}.png"),
                12,
                12,
                (x, y) => new SKColor(At(0, x, y), At(1, x, y), At(2, x, y))
            );
        }
        return ((ClassIndexTarget)batch.Target).Labels.data<long>().ToArray();
    }
}
