using static KdPlugins.Host.Tests.Commands.ProbeGolden;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Of the sheet of data-free methods.</summary>
internal static class DataFreeGoldens
{
    private const string Id = "data-free";

    internal static IReadOnlyDictionary<string, Func<ProbeGolden>> All { get; } =
        new Dictionary<string, Func<ProbeGolden>>
        {
            ["data-free 1"] = () => Norms(3, 3.5, 0, 0, 0).And("result", 5.5),
            ["data-free 1, second"] = () => Norms(1, 1, 3, 3.5, 0.9).And("result", 5.05),
            ["data-free 1, third"] = () => Norms(2, 3, 2.8, 3.25, 0.9).And("result", 4.945),
            ["data-free 2, ln"] = () => Balance("false").And("result", -1.1599503314),
            ["data-free 2, log10"] = () => Balance("true").And("result", -0.5037600282),
            ["data-free 2, one-hot"] = () =>
                Of(Id, "one-hot", new() { ["logits"] = Teacher, ["classes"] = tensor(new long[] { 0, 3 }) })
                    .And("result", 0.2561810603),
            ["data-free 3, js"] = () => Adversary("jensen-shannon").And("result", -0.0107870420),
            ["data-free 3, distance"] = () => Adversary("distance").And("result", -0.8125),
            ["data-free 3, divergence"] = () => Adversary("divergence").And("result", -0.2553292252),
            ["data-free 4"] = () => Adversary("decisions").And("result", -0.0461034843),
            ["data-free 5, similarity"] = () =>
                Of(Id, "similarity", new() { ["weights"] = Rows(2, 1, 0, 1, 1, 0, 1) })
                    .And("result", 1, .7071068, 0, .7071068, 1, .7071068, 0, .7071068, 1),
            ["data-free 5, concentrations"] = () =>
                Of(
                        Id,
                        "concentrations",
                        new() { ["similarity"] = Rows(3, 1, .7071067812, 0, .7071067812, 1, .7071067812) },
                        """{ "beta": 1, "published": false }"""
                    )
                    .And("result", 1.0001, .7072067812, .0001, .0001, 1.0001, .0001),
            ["data-free 7, t 1"] = () => Contrast("1").And("result", 0.3132616875),
            ["data-free 7, t .1"] = () => Contrast("0.1").And("result", 4.5398899e-5),
            ["data-free 8"] = () =>
                Of(Id, "activation", new() { ["features"] = Rows(3, 1, -2, 0, 0, 3, 1) }).And("result", -1.1666666667),
            ["data-free variation, l1"] = () => Variation("l1").And("result", 19.0),
            ["data-free variation, l2"] = () => Variation("l2").And("result", 65.7009383118),
        };

    private static Tensor Teacher => Rows(4, 2, 1, 0, -1, -1, 0, 1, 4);

    private static ProbeGolden Norms(double mean, double variance, double earlierMean, double earlier, double rho) =>
        Of(
            Id,
            "norms",
            new()
            {
                ["mean"] = tensor(new[] { mean }),
                ["variance"] = tensor(new[] { variance }),
                ["running-mean"] = tensor(new[] { 0.0 }),
                ["running-variance"] = tensor(new[] { 1.0 }),
                ["average-mean"] = tensor(new[] { earlierMean }),
                ["average-variance"] = tensor(new[] { earlier }),
            },
            FormattableString.Invariant($$"""{ "rho": {{rho}} }""")
        );

    private static ProbeGolden Balance(string tens) =>
        Of(Id, "balance", new() { ["logits"] = Teacher }, $$"""{ "decimal": {{tens}} }""");

    private static ProbeGolden Adversary(string kind) =>
        Of(
            Id,
            "adversary",
            new() { ["student"] = Rows(4, 1, 2, .5, -1, 0, 1, 0, 3), ["teacher"] = Teacher },
            $$"""{ "kind": "{{kind}}", "temperature": 3 }"""
        );

    private static ProbeGolden Contrast(string temperature) =>
        Of(
            Id,
            "contrast",
            new() { ["locals"] = Identity(2, 2), ["globals"] = Identity(2, 2) },
            $$"""{ "temperature": {{temperature}}, "fresh": 2 }"""
        );

    private static ProbeGolden Variation(string form) =>
        Of(
            Id,
            "variation",
            new() { ["images"] = Rows(18, [.. Enumerable.Range(1, 18).Select(n => n * n / 10.0)]).view(1, 2, 3, 3) },
            $$"""{ "form": "{{form}}" }"""
        );
}
