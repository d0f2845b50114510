using static KdPlugins.Host.Tests.Commands.ProbeGolden;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Of FRSKD's sheet.</summary>
internal static class FrskdGoldens
{
    internal static IReadOnlyDictionary<string, Func<ProbeGolden>> All { get; } =
        new Dictionary<string, Func<ProbeGolden>>
        {
            ["frskd 2"] = () =>
                Pair("attention", "student", Map(4, 1, 2, 3, 4, 0, 1, 1, 0), Map(4, 2, 1, 0, 1, 1, 1, 2, 0))
                    .And("result", 0.2321955706),
            ["frskd 2, kd"] = () =>
                Kd(Rows(4, 1, 2, .5, -1, 0, 1, 0, 3), Rows(4, 2, 1, 0, -1, -1, 0, 1, 4), 0.3906891718),
            ["frskd 3"] = () => Fusion(3, 0.3333332222),
            ["frskd 3, two"] = () => Fusion(2, 0.4999997500),
            ["frskd 4"] = () =>
                Of("frskd", "same-pool", new() { ["map"] = arange(1, 13, ScalarType.Float64).view(1, 1, 3, 4) })
                    .And("result", 7, 8, 11, 12),
            ["frskd 6, od"] = () =>
                Pair(
                        "margin-distance",
                        "adapted",
                        Map(2, 1, -2, .5, -1),
                        Map(2, -3, .5, -.5, -2),
                        $"{{ \"margin\": {(float)-Math.Sqrt(2 / Math.PI):R} }}"
                    )
                    .And("result", 10.4823889755),
            ["frskd 6, fit"] = () =>
                Pair("fit", "adapted", Map(2, 1, 0, .5, 0), Map(2, 3, .5, .5, 2)).And("result", 2.0625),
            ["frskd 6, margin"] = () =>
                Of("frskd", "margin", [], """{ "weight": 0.5, "bias": 1 }""").And("result", -0.1866078),
            ["frskd 9"] = () =>
                Of("frskd", "ramp", [], """{ "epoch": 49, "silent": 40, "length": 20 }""").And("result", 0.2865047969),
            ["frskd 9, pixels"] = () =>
                Kd(
                    arange(24, ScalarType.Float64).sin().view(1, 3, 2, 4),
                    arange(24, ScalarType.Float64).cos().view(1, 3, 2, 4),
                    0.4047121581,
                    """{ "temperature": 1 }"""
                ),
        };

    // [1, rows, 1, columns]
    private static Tensor Map(int columns, params double[] values) => tensor(values).view(1, -1, 1, columns);

    private static ProbeGolden Fusion(int inputs, double share) =>
        Of("frskd", "fusion-weights", new() { ["raw"] = ones(inputs, ScalarType.Float64) })
            .And("result", [.. Enumerable.Repeat(share, inputs)]);

    private static ProbeGolden Pair(
        string formula,
        string own,
        Tensor student,
        Tensor refined,
        string numbers = "{}"
    ) => Of("frskd", formula, new() { [own] = student, ["refined"] = refined }, numbers);
}
