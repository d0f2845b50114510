using TorchSharp;
using static KdPlugins.Host.Tests.Commands.ProbeGolden;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Of MosaicKD's sheet.</summary>
internal static class MosaicKdGoldens
{
    private const string Sum = """{ "reduction": "sum" }""";

    internal static IReadOnlyDictionary<string, Func<ProbeGolden>> All { get; } =
        new Dictionary<string, Func<ProbeGolden>>
        {
            ["mosaic-kd 2, discriminator"] = () =>
                Of("mosaic-kd", "discriminator-loss", new() { ["fake"] = Fake(), ["real"] = Rows(2, 2, 0, 1, -1) }, Sum)
                    .And("result", 1.7232992833)
                    .And("grad.fake", 0.125, 0.1827646447, 0.0672353553, 0.2201992695)
                    .And("grad.real", -0.0298007305, -0.125, -0.0672353553, -0.1827646447),
            ["mosaic-kd 2, generator"] = () =>
                Of("mosaic-kd", "local-loss", new() { ["fake"] = Fake() }, Sum).And("result", 1.2232992833),
            ["mosaic-kd 2, mean"] = () =>
                Of("mosaic-kd", "local-loss", new() { ["fake"] = Fake() }, """{ "reduction": "mean" }""")
                    .And("result", 1.2232992833 / 2),
            ["mosaic-kd 3, align"] = () =>
                Of("mosaic-kd", "align-loss", new() { ["teacher"] = Teacher() }).And("result", 0.6290879461),
            ["mosaic-kd 3, adversarial"] = () =>
                Of("mosaic-kd", "adversarial-loss", Both()).And("result", -0.2553292252),
            ["mosaic-kd 3, balance"] = () =>
                Of("mosaic-kd", "balance-loss", new() { ["teacher"] = Teacher() }).And("result", -1.6734545908),
            ["mosaic-kd 4"] = () =>
                Of(
                        "mosaic-kd",
                        "generator-loss",
                        new(Both()) { ["fake"] = Fake(), ["cotangent.result.total"] = tensor(1.0) },
                        """{ "adversarial": 1, "align": 1, "local": 1, "balance": 10, "reduction": "sum" }"""
                    )
                    .And("result.total", -15.1374879042)
                    .And("result.local", 1.2232992833)
                    .And(
                        "grad.teacher",
                        1.248753786,
                        -0.7918881847,
                        -0.6738538817,
                        0.2169882801,
                        0.0085877435,
                        -0.1007483748,
                        -0.5582543963,
                        0.6504150276
                    )
                    .And(
                        "grad.student",
                        0.2098532209,
                        -0.1862886098,
                        -0.0244222985,
                        0.0008576874,
                        -0.0170237929,
                        -0.0462754668,
                        0.0030020227,
                        0.0602972371
                    ),
            ["mosaic-kd 4, student"] = () => Kd(Student(), Teacher(), 0.2553292252, """{ "temperature": 1 }"""),
            ["mosaic-kd 5, generator"] = Generator,
        };

    private static Tensor Fake() => Rows(2, 0, 1, -1, 2);

    private static Tensor Teacher() => Rows(4, 2, 1, 0, -1, -1, 0, 1, 4);

    private static Tensor Student() => Rows(4, 1, 2, .5, -1, 0, 1, 0, 3);

    private static Dictionary<string, Tensor> Both() => new() { ["teacher"] = Teacher(), ["student"] = Student() };

    // z of 3 entries, g = 2, 8x8 pixels; weights 0.5 sin(1 + k), biases 0, norms as they begin.
    private static ProbeGolden Generator()
    {
        Dictionary<string, Tensor> given = new()
        {
            ["data.shape"] = tensor([3L, 8, 8]),
            ["latent"] = Rows(3, .5, -1, .25, 1, 0, -.5),
            ["parameters.embed.0.bias"] = zeros([32], ScalarType.Float64),
            ["parameters.decoder.8.bias"] = zeros([3], ScalarType.Float64),
        };
        foreach (
            var (name, shape) in new (string, long[])[]
            {
                ("embed.0", [32, 3]),
                ("decoder.1", [4, 8, 3, 3]),
                ("decoder.5", [2, 4, 3, 3]),
                ("decoder.8", [3, 2, 3, 3]),
            }
        )
        {
            var count = shape.Aggregate(1L, (a, b) => a * b);
            given[$"parameters.{name}.weight"] = ((arange(count, ScalarType.Float64) + 1).sin() * 0.5).view(shape);
        }
        return new("mosaic-generator", given, new() { ["input"] = [0.5074490352] }, """{ "latent": 3, "width": 2 }""")
        {
            Evaluates = true,
        };
    }
}
