using static KdPlugins.Host.Tests.Commands.ProbeGolden;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Of the sheets of Good-DA-in-KD and of AuG-KD.</summary>
internal static class GoodDaKdGoldens
{
    private const string Teacher = "consult.teacher.logits";

    internal static IReadOnlyDictionary<string, Func<ProbeGolden>> All { get; } =
        new Dictionary<string, Func<ProbeGolden>>
        {
            ["good-da-kd 2"] = () => Picked([1, 3], """{ "keep": 2 }""", (Teacher, Candidates())),
            ["good-da-kd 2, divergence"] = () =>
                Picked(
                    [3, 1, 2, 0],
                    """{ "keep": 4, "criterion": "divergence" }""",
                    (Teacher, Candidates()),
                    ("consult.student.logits", zeros([4, 3], ScalarType.Float64))
                ),
            ["good-da-kd 2, dissimilarity"] = () =>
                Picked(
                    [2, 0, 1, 3],
                    """{ "keep": 4, "criterion": "dissimilarity" }""",
                    ("consult.teacher.1.logits", Candidates()),
                    ("consult.teacher.2.logits", Rows(3, 2, 0, 0, 0, 2, 0))
                ),
            ["good-da-kd 4, labels"] = () =>
                new(
                    "cross-entropy",
                    new() { ["student.logits"] = Row(0, 0), ["target.labels"] = tensor([0L]) },
                    new() { ["loss"] = [0.6931472] }
                ),
            ["good-da-kd 4, original"] = () => Kd(Row(0, 0), Row(4, 0), 1.7751051),
            ["good-da-kd 4, augmented"] = () => Kd(Row(1, 0), Row(0, 0), 0.1246758),
            ["good-da-kd 6"] = PoolOf128,
            ["good-da-kd 7"] = () => Kd(Row(1, -2), Row(1, -2), 0),
            ["aug-kd 7"] = () =>
                AugKdMix(Row(10, 0), 5.8937772).And("reported.labels", 0.6931472).And("reported.teacher", 11.0944072),
            ["aug-kd 7, gotcha 1"] = () => AugKdMix(Row(0, 0), 0.3465736),
            ["aug-kd 7, clipped"] = () => AugKdMix(Row(100, 0), 0.6931470, """{ "temperature": 1, "labels": 0 }"""),
        };

    private static ProbeGolden AugKdMix(Tensor teacher, double loss, string options = "{}") =>
        new(
            "aug-kd-mix",
            new()
            {
                ["student.logits"] = Row(0, 0),
                ["teacher.logits"] = teacher,
                ["target.labels"] = tensor([0L]),
            },
            new() { ["loss"] = [loss] },
            options
        );

    private static Tensor Candidates() => Rows(3, 4, 0, 0, 1, 1, 0, 2, 1, 0, 0, 0, 0);

    // A batch of two, mixed twice, is a pool of four.
    private static ProbeGolden Picked(double[] rows, string options, params (string Name, Tensor Value)[] answers)
    {
        var given = answers.ToDictionary(a => a.Name, a => a.Value);
        given["input"] = zeros([2, 1, 4, 4], ScalarType.Float64);
        return new("cut-mix-pick", given, new() { ["drawn.cut-mix-pick.picked"] = rows }, options);
    }

    private static ProbeGolden PoolOf128()
    {
        long[] order = [.. Enumerable.Range(0, 128).Select(i => 37L * i % 128)];
        var first = tensor(order).to(ScalarType.Float64) / 16;
        var logits = stack([first, zeros_like(first), zeros_like(first)], 1);
        var rows = Enumerable.Range(0, 128).Where(i => order[i] < 64).OrderByDescending(i => order[i]).ToArray();
        Assert.Equal([19, 102, 57, 12, 95, 50], rows[..6]);
        Assert.Equal([97, 52, 7, 90, 45, 0], rows[^6..]);
        Assert.Equal(3936, rows.Sum());
        return new(
            "cut-mix-pick",
            new() { ["input"] = zeros([64, 1, 2, 2], ScalarType.Float64), [Teacher] = logits },
            new() { ["drawn.cut-mix-pick.picked"] = [.. rows.Select(r => (double)r)] },
            """{ "keep": 64 }"""
        );
    }
}
