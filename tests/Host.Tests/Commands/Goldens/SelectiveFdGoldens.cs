using static KdPlugins.Host.Tests.Commands.ProbeGolden;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Of the sheet of Selective-FD.</summary>
internal static class SelectiveFdGoldens
{
    private const string Id = "selective-fd";

    internal static IReadOnlyDictionary<string, Func<ProbeGolden>> All { get; } =
        new Dictionary<string, Func<ProbeGolden>>
        {
            ["selective-fd 1"] = () => Line("solve").And("result", -0.2038647731, -0.5968442848, -0.4397732431),
            ["selective-fd 1, released"] = () =>
                Line("released").And("result", -0.4079186525, -0.6860193603, -0.5544869918),
            ["selective-fd 1, ratios"] = () =>
                Of(
                        Id,
                        "density-ratio",
                        new()
                        {
                            ["points"] = Rows(1, 0, .5, 2),
                            ["known"] = Rows(1, 0, .5),
                            ["auxiliary"] = Rows(1, -1, 0, 1),
                            ["coefficients"] = tensor(new[] { -0.2038647731, -0.5968442848, -0.4397732431 }),
                        },
                        """{ "sigma": 1, "lambda": 0.5 }"""
                    )
                    .And("result", 0.8952664272, 0.9014999435, 0.1102129720),
            ["selective-fd 2, sigma 1"] = () =>
                Plane("solve", 1)
                    .And("result", -0.1491461056, -0.2640333305, -0.5067744561, -0.1136357052, -0.1951761277),
            ["selective-fd 2, sigma 1, released"] = () =>
                Plane("released", 1)
                    .And("result", -0.1071983943, -0.1538117842, -0.2923914821, -0.1391264408, -0.1738649763),
            ["selective-fd 2, sigma 5"] = () =>
                Plane("solve", 5)
                    .And("result", -0.3049832258, -0.3194524815, -0.3200561603, -0.2999793341, -0.3142453287),
            ["selective-fd 2, sigma 5, released"] = () =>
                Plane("released", 5)
                    .And("result", -0.5904346321, -0.5937211687, -0.6153215503, -0.5938574119, -0.5971030811),
            ["selective-fd 3"] = () =>
                Of(
                        Id,
                        "kulsif-objective",
                        new()
                        {
                            ["known"] = Rows(1, 0, .5),
                            ["auxiliary"] = Rows(1, -1, 0, 1),
                            ["coefficients"] = tensor(new[] { -0.2038647731, -0.5968442848, -0.4397732431 }),
                        },
                        """{ "sigma": 1, "lambda": 0.5 }"""
                    )
                    .And("result", -0.4491915927)
                    // The solution is where it is flat.
                    .And("grad.coefficients", 0, 0, 0),
            ["selective-fd 5"] = () => Together(1, 0, 1).And("result", .75, .25),
            ["selective-fd 5, all"] = () => Together(1, 1, 1).And("result", .5666666667, .4333333333),
            ["selective-fd 5, entropies"] = () =>
                Of(Id, "entropy", new() { ["probabilities"] = Rows(2, .75, .25, 1.7 / 3, 1.3 / 3) })
                    .And("result", 0.5623351446, 0.6842317651),
            ["selective-fd 6"] = () =>
                Of(
                        Id,
                        "soft-cross-entropy",
                        new() { ["logits"] = Rows(2, 1, -1, 0, .5), ["targets"] = Rows(2, .75, .25, 1.7 / 3, 1.3 / 3) }
                    )
                    .And("result", 0.6921691643)
                    .And("grad.logits", 0.0653985390, -0.0653985390, -0.0945629989, 0.0945629989),
        };

    private static ProbeGolden Line(string estimator) =>
        Of(
            Id,
            "kulsif-coefficients",
            new() { ["known"] = Rows(1, 0, .5), ["auxiliary"] = Rows(1, -1, 0, 1) },
            $$"""{ "sigma": 1, "lambda": 0.5, "estimator": "{{estimator}}" }"""
        );

    private static ProbeGolden Plane(string estimator, double sigma) =>
        Of(
            Id,
            "kulsif-coefficients",
            new()
            {
                ["known"] = Rows(2, .2, .1, .4, -.3, 0, .2),
                ["auxiliary"] = Rows(2, -1, -1, 1, -1, 0, .5, -1, 1, 1, 1),
            },
            FormattableString.Invariant(
                $$"""{ "sigma": {{sigma}}, "lambda": 0.4472135954999579, "estimator": "{{estimator}}" }"""
            )
        );

    private static ProbeGolden Together(params double[] masks) =>
        Of(
            Id,
            "ensemble",
            new() { ["answers"] = Rows(2, .9, .1, .2, .8, .6, .4).view(3, 1, 2), ["masks"] = Rows(1, masks) }
        );
}
