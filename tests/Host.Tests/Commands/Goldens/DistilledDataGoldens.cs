using static KdPlugins.Host.Tests.Commands.ProbeGolden;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Of the sheets of KRR-ST and INFER.</summary>
internal static class DistilledDataGoldens
{
    internal static IReadOnlyDictionary<string, Func<ProbeGolden>> All { get; } =
        new Dictionary<string, Func<ProbeGolden>>
        {
            ["krr-st 6"] = () => SoftLabels(Row(0, 0), Row(1, 0), 0.6931472),
            ["krr-st 6, least"] = () => SoftLabels(Row(1, 0), Row(1, 0), 0.5822031),
            ["krr-st 6, rows"] = () => SoftLabels(Rows(3, 1, 2, 0, 0, 0, 1), Rows(3, 2, 0, 0, 0, 1, 0), 1.3735546),
            ["krr-st 11"] = ConvNet,
            ["krr-st 13"] = () =>
                Views("0.0051", 0.1238246)
                    .And(
                        "grad.student.embedding",
                        [
                            .. (double[])[0.0002684, -0.1708723, 0.0008052, 0.0569589],
                            .. (double[])[0.0008053, 0.2847947, -0.0018789, -0.1708814],
                        ]
                    ),
            ["krr-st 13, weight 1"] = () => Views("1", 0.2285479),
            ["infer 5"] = () => Unscaled(Row(0, 0), Row(30, 0), 0.1109441),
            ["infer 5, static batch"] = () =>
                OfBatch(Blend(Rows(3, 30, 0, -15, 6, 12, 45)), 0.0496856)
                    .And("grad.student.logits", 0.0011449, 0.0011137, -0.0022586, -0.0027819, 0.0014425, 0.0013394),
            // The mean over m = 1..4 of [10 m a, 5 b - m, a + b] on the mixed inputs (a, b).
            ["infer 6, dynamic batch"] = () =>
                OfBatch(Rows(3, 25 * 2.4, 5 * 4.1 - 2.5, 2.4 + 4.1, 25 * 1.6, 5 * 2.9 - 2.5, 1.6 + 2.9), 0.2030555),
        };

    private static ProbeGolden SoftLabels(Tensor student, Tensor teacher, double loss) =>
        new(
            "cross-entropy",
            new() { ["student.logits"] = student, ["target.soft"] = teacher.softmax(1) },
            new() { ["loss"] = [loss] }
        );

    private static ProbeGolden Unscaled(Tensor student, Tensor teacher, double loss) =>
        Kd(student, teacher, loss, """{ "temperature": 30, "scaled": false }""");

    private static ProbeGolden OfBatch(Tensor teacher, double loss) =>
        Unscaled(Rows(3, 3, -1, 0, 0, 2, 1), teacher, loss);

    // 0.3 of a row and 0.7 of the other.
    private static Tensor Blend(Tensor logits) => logits * 0.3 + logits.flip(0) * 0.7;

    // A projector that changes nothing.
    private static ProbeGolden Views(string redundancy, double loss) =>
        new(
            "barlow-twins",
            new()
            {
                ["student.embedding"] = Rows(2, 1, 0, 0, 1, 2, 1, 1, 2),
                ["second-view.embedding"] = Rows(2, 1, 1, 0, 1, 2, 0, 1, 3),
                ["parameters.layers.0.weight"] = Identity(2, 2),
            },
            new() { ["loss"] = [loss] },
            $"{{ \"projector\": [2], \"redundancy\": {redundancy} }}"
        );

    // The k-th tensor at flat index j is 0.08 sin(1 + k + 0.01 j), scales of norms plus 1.
    private static ProbeGolden ConvNet()
    {
        var given = new Dictionary<string, Tensor>
        {
            ["input"] = Count(4, 3, 32, 32).mul(0.37).sin(),
            ["data.classes"] = tensor(512L),
        };
        var k = 0;
        void Add(string name, double offset, params long[] shape) =>
            given[$"parameters.{name}"] = Count(shape).mul(0.01).add(1 + k++).sin().mul(0.08).add(offset);
        long[] widths = [3, 128, 256, 512];
        for (var block = 0; block < 3; block++)
        {
            var (conv, norm, width) = ($"layers.{block}.block.0", $"layers.{block}.block.1", widths[block + 1]);
            Add($"{conv}.weight", 0, width, widths[block], 3, 3);
            Add($"{conv}.bias", 0, width);
            Add($"{norm}.weight", 1, width);
            Add($"{norm}.bias", 0, width);
        }
        Add("fc.weight", 0, 512, 512 * 16);
        Add("fc.bias", 0, 512);
        return new("convnet", given, new() { ["logits"] = [-0.4216955, -0.3495450, -0.2531027] })
        {
            Sums = new() { ["embedding"] = (19450.2411427, 170.1817446) },
        };
    }

    private static Tensor Count(params long[] shape) =>
        arange(shape.Aggregate(1L, (a, b) => a * b), ScalarType.Float64).view(shape);
}
