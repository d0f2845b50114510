using static KdPlugins.Host.Tests.Commands.ProbeGolden;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Of the sheet of speculative KD: what the released functions gave.</summary>
internal static class SpeculativeKdGoldens
{
    private const string Id = "speculative-kd";

    internal static IReadOnlyDictionary<string, Func<ProbeGolden>> All { get; } =
        new Dictionary<string, Func<ProbeGolden>>
        {
            ["speculative-kd 3, kept whole"] = () => TopK(2, [1, 2, 2], [1, 2, 2], 3, 0),
            ["speculative-kd 3, none kept"] = () => TopK(1, [1, 2, 2], [3], 0, 1),
            ["speculative-kd 3, one kept"] = () => TopK(2, [1, 0, 2], [1, 3], 1, 1),
            ["speculative-kd 3, the teacher's last"] = () => TopK(2, [3, 2, 1], [3], 0, 1),
            ["speculative-kd 3, all kept"] = () => TopK(4, [3, 0, 0], [3, 0, 0], 3, 0),
            ["speculative-kd 3, below a mass"] = () => Verify("below-mass", 0, 0.9, [1, 2, 2], [1, 3], 1, 1),
            ["speculative-kd 4"] = () => Divergence("forward-kl", Row(0, 1), Row(1, 0), 0.4621171573),
            ["speculative-kd 4, reverse"] = () => Divergence("reverse-kl", Row(0, 1), Row(1, 0), 0.4621171573),
            ["speculative-kd 4, the code's"] = () => Divergence("mixture-kl", Row(0, 1), Row(1, 0), 0.1201145070),
            ["speculative-kd 4, jsd"] = () => Divergence("jsd", Row(0, 1), Row(1, 0), 0.1109440717),
            ["speculative-kd 5"] = () => Loss("forward-kl", 0.2553292252),
            ["speculative-kd 5, reverse"] = () => Loss("reverse-kl", 0.2796222742),
            ["speculative-kd 5, the code's"] = () => Loss("mixture-kl", 0.0706951154),
            ["speculative-kd 5, jsd"] = () => Loss("jsd", 0.0630427594),
            ["speculative-kd 5, generalised"] = () => Loss("generalised-jsd", 0.0630427594),
        };

    private static ProbeGolden TopK(int k, long[] draft, double[] emitted, double accepted, double corrected) =>
        Verify("top-k", k, 0, draft, emitted, accepted, corrected);

    private static ProbeGolden Verify(
        string rule,
        int k,
        double mass,
        long[] draft,
        double[] emitted,
        double accepted,
        double corrected
    ) =>
        Of(
                Id,
                "verify",
                new()
                {
                    ["logits"] = Rows(4, 2, 1, 0, -1, -1, 0, 1, 4, 0, 3, 2, 1, 1, 1.5, 0, 2),
                    ["draft"] = tensor(draft),
                },
                FormattableString.Invariant(
                    $$"""{ "rule": "{{rule}}", "k": {{k}}, "mass": {{mass}}, "replacement": 3 }"""
                )
            )
            .And("result.emitted", emitted)
            .And("result.accepted", accepted)
            .And("result.corrected", corrected);

    private static ProbeGolden Divergence(string kind, Tensor student, Tensor teacher, double value) =>
        Of(
                "token-divergence",
                "token-divergence",
                new() { ["student"] = student, ["teacher"] = teacher },
                $$"""{ "kind": "{{kind}}", "beta": 0.5, "temperature": 1 }"""
            )
            .And("result", value);

    // The loss itself, on one text of two tokens.
    private static ProbeGolden Loss(string kind, double value) =>
        new(
            "token-divergence",
            new()
            {
                ["student.logits"] = Rows(4, 1, 2, .5, -1, 0, 1, 0, 3).unsqueeze(0),
                ["teacher.logits"] = Rows(4, 2, 1, 0, -1, -1, 0, 1, 4).unsqueeze(0),
                ["target.tokens"] = zeros([1, 2], ScalarType.Int64),
            },
            new() { ["loss"] = [value] },
            $$"""{ "divergence": "{{kind}}" }"""
        );
}
