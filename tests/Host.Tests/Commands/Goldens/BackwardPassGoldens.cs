using static KdPlugins.Host.Tests.Commands.ProbeGolden;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Of the sheet of backward-pass KD.</summary>
internal static class BackwardPassGoldens
{
    private const string Id = "backward-pass-kd";

    internal static IReadOnlyDictionary<string, Func<ProbeGolden>> All { get; } =
        new Dictionary<string, Func<ProbeGolden>>
        {
            ["backward-pass-kd 1"] = () => Gap(Row(2), Row(4)).And("result", 4).And("grad.student", -4),
            ["backward-pass-kd 1, a step"] = () => Step("raw", 0.01, Row(2), Row(12)).And("result", 2.12),
            ["backward-pass-kd 2"] = () =>
                Gap(Rows(3, 0, -1.25, -0.1, 1.25, 1.875, 0.7), Rows(3, 0.5, -2.4, -1.2, 1.5, 3.85, 1.8))
                    .And("result", 2.7825, 5.173125),
            ["backward-pass-kd 2, raw"] = () => Linear("raw").And("result", 1.07575, -1.192, 0.441125, 2.2745),
            ["backward-pass-kd 2, l2"] = () =>
                Linear("l2").And("result", 1.018350053, -1.046511026, 0.4895144236, 2.048888165),
            ["backward-pass-kd 2, sign"] = () => Linear("sign").And("result", 1.05, -1.05, 0.45, 2.05),
            ["backward-pass-kd 3"] = () =>
                Gap(Rows(4, 1, 2, .5, -1, 0, 1, 0, 3), Rows(4, 2, 1, 0, -1, -1, 0, 1, 4)).And("result", 2.25, 4),
            ["backward-pass-kd 4"] = () =>
                Of(
                        Id,
                        "embedding-map",
                        new()
                        {
                            ["student"] = Rows(4, 1, 0, 1, 2, 0, 1, 1, -1),
                            ["teacher"] = Rows(4, 1, 2, 0, 1, 0, 1, 1, 0, 2, 0, 1, 1),
                        }
                    )
                    .And("result", 0.5882352941, 0.5294117647, 0.2941176471, 0.7647058824, 0.8823529412, 0.2941176471),
        };

    private static ProbeGolden Gap(Tensor student, Tensor teacher) =>
        Of(Id, "gap", new() { ["student"] = student, ["teacher"] = teacher });

    private static ProbeGolden Step(string kind, double eta, Tensor samples, Tensor gradient) =>
        Of(
            Id,
            "ascent-step",
            new() { ["samples"] = samples, ["gradient"] = gradient },
            FormattableString.Invariant($$"""{ "kind": "{{kind}}", "eta": {{eta}} }""")
        );

    private static ProbeGolden Linear(string kind) =>
        Step(kind, 0.05, Rows(2, 1, -1, .5, 2), Rows(2, 1.515, -3.84, -1.1775, 5.49));
}
