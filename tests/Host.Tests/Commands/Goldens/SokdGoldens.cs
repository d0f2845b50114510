using static KdPlugins.Host.Tests.Commands.ProbeGolden;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Of SOKD's sheet: what its step is made of, with the gradient to who learns.</summary>
internal static class SokdGoldens
{
    internal static IReadOnlyDictionary<string, Func<ProbeGolden>> All { get; } =
        new Dictionary<string, Func<ProbeGolden>>
        {
            ["sokd 3"] = () => Kd(Rows(4, 1, 2, .5, -1, 0, 1, 0, 3), Rows(4, 2, 1, 0, -1, -1, 0, 1, 4), 0.3906891718),
            ["sokd 3, exchanged"] = () =>
                Kd(Rows(4, 2, 1, 0, -1, -1, 0, 1, 4), Rows(4, 1, 2, .5, -1, 0, 1, 0, 3), 0.3971064497),
            ["sokd 4, bridge of teacher"] = () => Kd(Bridge(), Teacher(), 0.3242172308),
            ["sokd 4, bridge of student"] = () => Kd(Bridge(), Student(), 0.2673374288),
            ["sokd 4, student of bridge"] = () => Kd(Student(), Bridge(), 0.2726699575),
            ["sokd 4, labels of the bridge"] = () => Labels(Bridge(), 0.6877522955),
            ["sokd 4, labels of the student"] = () => Labels(Student(), 0.9000791077),
        };

    private static Tensor Student() => Rows(5, 1, 2, .5, -1, 0, 0, 1, 0, 3, -1);

    private static Tensor Teacher() => Rows(5, 2, 1, 0, -1, .5, -1, 0, 1, 4, 0);

    private static Tensor Bridge() => Rows(5, 1.5, 1, 0, -.5, 0, -.5, .5, 1, 2, 0);

    private static ProbeGolden Labels(Tensor logits, double loss) =>
        new(
            "cross-entropy",
            new() { ["student.logits"] = logits, ["target.labels"] = tensor(new long[] { 0, 3 }) },
            new() { ["loss"] = [loss] }
        );
}
