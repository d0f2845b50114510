using System.Text.Json;
using System.Text.Json.Nodes;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Augmentations;

/// <summary>What torchvision makes of small images; recorded by Golden/torchvision.py.</summary>
internal static class Torchvision
{
    private static readonly JsonNode Recorded = JsonNode.Parse(
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Augmentations", "Golden", "torchvision.json"))
    )!;

    public static IEnumerable<int> Cases(params string[] kinds) =>
        Enumerable
            .Range(0, Recorded["cases"]!.AsArray().Count)
            .Where(i => kinds.Contains((string)Recorded["cases"]![i]!["kind"]!));

    public static Case At(int number)
    {
        var found = Recorded["cases"]![number]!;
        return new(
            (string)found["op"]!,
            Image((string)found["image"]!),
            found["arguments"].Deserialize<double[]>()!,
            found["shape"].Deserialize<long[]>()!,
            found["expected"].Deserialize<double[]>()!
        );
    }

    public static double[] Magnitudes(string space, string operation) =>
        Recorded["magnitudes"]![space]![operation].Deserialize<double[]>()!;

    public static IReadOnlyList<string> Operations(string space) =>
        [.. Recorded["magnitudes"]![space]!.AsObject().Select(p => p.Key)];

    /// <summary>The pairs of a policy as (operation, probability, level or -1).</summary>
    public static (string, double, int)[][] Policy(string name) =>
        [
            .. Recorded["policies"]![name]!
                .AsArray()
                .Select(pair => pair!.AsArray().Select(m => ((string)m![0]!, (double)m[1]!, (int)m[2]!)).ToArray()),
        ];

    private static Tensor Image(string name)
    {
        var image = Recorded["images"]![name]!;
        var values = image["values"].Deserialize<double[]>()!;
        long[] shape = [1, .. image["shape"].Deserialize<long[]>()!];
        return tensor(values, ScalarType.Float32).view(shape).div(255);
    }

    /// <summary>One call: the image as float [1, C, H, W] in [0, 1], the result in units of 1 / 255.</summary>
    internal sealed record Case(string Op, Tensor Image, double[] Arguments, long[] Shape, double[] Expected);
}
