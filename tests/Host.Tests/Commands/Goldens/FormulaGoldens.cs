using static KdPlugins.Host.Tests.Commands.ProbeGolden;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Formulas of the sheets that are no plugin of their own.</summary>
internal static class FormulaGoldens
{
    internal static IReadOnlyDictionary<string, Func<ProbeGolden>> All { get; } =
        new Dictionary<string, Func<ProbeGolden>>
        {
            ["krr-st 1"] = () => Ridge("ridge-predict", Line()).And("result", 4.99993000, -0.99992300),
            ["krr-st 1 and 2"] = () =>
                RidgeLoss(Line(), Rows(1, 5, 0))
                    .And("result", 0.49992301)
                    .And("grad.targets", -1.9996850, 0.9997270)
                    .And("grad.features-s", 3.9991881, -1.9993421),
            ["krr-st 8"] = () =>
                RidgeLoss(
                        Set(Rows(2, 1, 0, 0, 2, 1, 1), Rows(2, 2, 1, -1, 1, 0, 0, 1, 3), Rows(2, 1, 0, 0, 1, 2, -1)),
                        Rows(2, 1, 1, 0, 2, 0.5, -0.5, 2, 0)
                    )
                    .And("result", 12.1838197)
                    .And("grad.features-s", 33.7282104, 11.2407837, 21.7369996, 7.2444471, -56.2186484, -18.7366401)
                    .And("grad.targets", -5.2480942, 5.9977843, -3.6239028, 3.6237253, 8.7473306, -9.9968883),
            ["krr-st 9"] = () =>
                RidgeLoss(Set(Rows(1, 1, 2, 4), Rows(1, 3, 0), Rows(1, 1, 3, 2)), Rows(1, 5, 0))
                    .And("result", 5.2065576)
                    .And("grad.features-s", 0.5932185, -1.2266212, 0.9242230)
                    .And("grad.targets", 1.0917233, -0.0663814, -2.3825908),
            ["krr-st 10"] = () =>
                Of(
                        "krr-st",
                        "regression",
                        new() { ["prediction"] = Rows(2, 1, 2, 0, 0), ["target"] = Rows(2, 0, 0, 1, 0) }
                    )
                    .And("result", 1.5),
            ["krr-st 12, brightness"] = () =>
                Siamese("brightness", 0.75, 1.75, 2.75, 3.75, -0.25, 0.75, 1.75, 2.75, 4.75, 5.75, 6.75, 7.75),
            ["krr-st 12, saturation"] = () => Siamese("saturation", 1.5, 2.5, 3.5, 4.5, 1, 2, 3, 4, 3.5, 4.5, 5.5, 6.5),
            ["krr-st 12, contrast"] = () =>
                Siamese("contrast", 1.625, 2.375, 3.125, 3.875, 0.875, 1.625, 2.375, 3.125, 4.625, 5.375, 6.125, 6.875),
            ["aug-kd 1, linear"] = () => Share("linear", 0.6, 200, 119, 0.9933333333),
            ["aug-kd 1, step"] = () => Share("step", 0.6, 200, 59, 0.52),
            ["aug-kd 1, default"] = () => Share("linear", 0.4, 50, 7, 0.48),
            ["aug-kd 2"] = () =>
                Of(
                        "aug-kd",
                        "mix-latents",
                        new() { ["z"] = tensor(0.8), ["anchor"] = tensor(0.2) },
                        """{ "s": 0.25 }"""
                    )
                    .And("result", 0.35)
                    .And("grad.z", 0.25)
                    .And("grad.anchor", 0.75),
            ["aug-kd 3"] = () =>
                Of("aug-kd", "anchor-mask", new() { ["u"] = Row(50, 1, 0, -3) })
                    .And("result", 1.0 / 3, 0.1876910, 0, 0),
            ["aug-kd 4"] = () => Uncertainties("energy", -2.4076060, -1.0986123),
            ["aug-kd 4, softmax"] = () => Uncertainties("max-softmax", 0.3347590, 0.6666667),
            ["aug-kd 5"] = () =>
                Of(
                        "aug-kd",
                        "anchor-loss",
                        new()
                        {
                            ["logits"] = Rows(3, 2, 1, 0, 0, 0, 0),
                            ["labels"] = tensor([0L, 2]),
                            ["mask"] = Rows(4, 0.1, 0.2, 0, 0.3, 0, 0, 0, 0),
                        },
                        """{ "invariant": 0.25, "uncertainty": "energy", "penalty": "batch-sum" }"""
                    )
                    .And("result.uncertainty", -3.5062183)
                    .And("result.mask", 2.4)
                    .And("result.cross-entropy", 1.5062183)
                    .And("result.total", -0.9555964),
            ["aug-kd 6"] = () =>
                Of(
                        "aug-kd",
                        "generator-loss",
                        new()
                        {
                            ["teacher"] = Rows(2, 2, 0, 0, 2),
                            ["student"] = Rows(2, 0, 0, 0, 0),
                            ["mean-difference"] = tensor([0.3, -0.4]),
                            ["variance-difference"] = tensor([0.0, 0]),
                        }
                    )
                    .And("result.divergence", 0.6556267 / 2)
                    .And("result.cross-entropy", 0.2538560 / 2)
                    .And("result.diversity", -6.0205999 / 20)
                    .And("result.norms", 0.5),
            ["aug-kd 6, without norms"] = () =>
                Of(
                        "aug-kd",
                        "generator-loss",
                        new() { ["teacher"] = Rows(2, 2, 0, 0, 2), ["student"] = Rows(2, 0, 0, 0, 0) }
                    )
                    .And("result.norms", 0),
            ["aug-kd 8"] = () =>
                Of("aug-kd", "prior", new() { ["mu"] = Row(1, 0), ["log-variance"] = Row(0, Math.Log(2)) })
                    .And("result", 0.6534264),
            ["infer 1"] = () =>
                Of(
                        "infer",
                        "budget",
                        [],
                        """
                        { "imagesPerClass": 50, "classes": 100, "compensators": 4, "image": [3, 32, 32],
                          "labelled": false, "countLabels": false }
                        """
                    )
                    .And("result.natural", 48)
                    .And("result.instances-per-class", 240)
                    .And("result.instances", 24000)
                    .And("result.stored", 4992),
            ["infer 2"] = () => Gap([1.5], [1.25], [0], [1]).And("result", 1.75),
            ["infer 2, two channels"] = () => Gap([1.5, 1], [1.25, 5], [0.5, -1], [2, 0.25]).And("result", 7.0449140),
            ["infer 2, first"] = () =>
                Of(
                        "infer",
                        "weighted-gap",
                        new() { ["gaps.0"] = tensor(1.75), ["gaps.1"] = tensor(0.5) },
                        """{ "first": 10 }"""
                    )
                    .And("result", 18),
            ["infer 3"] = () =>
                Of("infer", "cosine-decay", [], """{ "step": 500, "total": 1000 }""").And("result", 0.5),
            ["infer 4"] = () =>
                Of(
                        "infer",
                        "pixel-range",
                        [],
                        """{ "mean": [0.5071, 0.4867, 0.4408], "std": [0.2675, 0.2565, 0.2761] }"""
                    )
                    .And("result.1", -1.8957009, -1.8974659, -1.5965230)
                    .And("result.2", 1.8426168, 2.0011696, 2.0253531),
            ["infer 6"] = () =>
                Of(
                        "infer",
                        "mean-logits",
                        new()
                        {
                            ["logits.0"] = Row(30, 0),
                            ["logits.1"] = Row(0, 0),
                            ["logits.2"] = Row(60, 30),
                            ["logits.3"] = Row(0, 0),
                        }
                    )
                    .And("result", 22.5, 7.5),
            ["infer 7"] = () =>
                Of(
                        "infer",
                        "roll",
                        new() { ["images"] = arange(9, ScalarType.Float64).view(1, 1, 3, 3) },
                        """{ "down": 1, "right": 2 }"""
                    )
                    .And("result", 7, 8, 6, 1, 2, 0, 4, 5, 3),
            ["icda 3, contrast"] = () => OfSimilarities("contrast", 0.2827308),
            ["icda 3, invariance"] = () => OfSimilarities("invariance", 0.0540973),
        };

    // Examples 1, 2 and 4 of KRR-ST.
    private static Dictionary<string, Tensor> Line() => Set(Rows(1, 1, 2), Rows(1, 3, 0), Rows(1, 1, 3));

    private static Dictionary<string, Tensor> Set(Tensor synthetic, Tensor real, Tensor targets) =>
        new()
        {
            ["features-s"] = synthetic,
            ["features-r"] = real,
            ["targets"] = targets,
        };

    private static ProbeGolden Ridge(string formula, Dictionary<string, Tensor> set) =>
        Of("krr-st", formula, set, """{ "ridge": 1e-6 }""");

    private static ProbeGolden RidgeLoss(Dictionary<string, Tensor> set, Tensor real) =>
        Ridge("ridge-loss", new(set) { ["real-targets"] = real });

    private static ProbeGolden Siamese(string kind, params double[] expected)
    {
        var x = tensor(new double[] { 1, 2, 3, 4, 0, 1, 2, 3, 5, 6, 7, 8 }).view(1, 3, 2, 2);
        return Of("krr-st", $"siamese-{kind}", new() { ["x"] = x, ["u"] = tensor([0.25]) }).And("result", expected);
    }

    private static ProbeGolden Share(string schedule, double a, int epochs, int epoch, double expected)
    {
        var numbers = FormattableString.Invariant(
            $"{{ \"schedule\": \"{schedule}\", \"epoch\": {epoch}, \"epochs\": {epochs}, \"a\": {a}, \"b\": 0.2 }}"
        );
        return Of("aug-kd", "mix-share", [], numbers).And("result", expected);
    }

    private static ProbeGolden Uncertainties(string kind, params double[] expected) =>
        Of("aug-kd", "uncertainties", new() { ["logits"] = Rows(3, 2, 1, 0, 0, 0, 0) }, $$"""{ "kind": "{{kind}}" }""")
            .And("result", expected);

    private static ProbeGolden Gap(double[] mean, double[] variance, double[] runningMean, double[] runningVariance) =>
        Of(
            "infer",
            "statistics-gap",
            new()
            {
                ["mean"] = tensor(mean),
                ["variance"] = tensor(variance),
                ["running-mean"] = tensor(runningMean),
                ["running-variance"] = tensor(runningVariance),
            }
        );

    private static ProbeGolden OfSimilarities(string formula, double expected) =>
        Of("icda", formula, new() { ["similarities"] = Rows(2, 0.9, 0.1, 0.4, 0.6) * Math.E }).And("result", expected);
}
