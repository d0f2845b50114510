using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Of RDD's sheet: the task losses of both phases.</summary>
internal static class RddGoldens
{
    private static readonly double[] OfStudent = [.95, .60, .20, .85, .75, .90, .65, .30, .99, .55, .80, .72];
    private static readonly double[] OfTeacher = [.98, .90, .65, .40, .95, .62, .97, .25, .99, .85, .92, .71];
    private static readonly long[] Labels = [0, 1, 0, 1, 1, 0, -1, 1, 0, 0, 1, 1];

    internal static IReadOnlyDictionary<string, Func<ProbeGolden>> All { get; } =
        new Dictionary<string, Func<ProbeGolden>>
        {
            ["rdd 2"] = () =>
                new(
                    "rdd-tfe",
                    new()
                    {
                        ["student.logits"] = Pixel(.3, -.2),
                        ["student.features.aux"] = Pixel(.3, -.2),
                        ["teacher.logits"] = Pixel(2, 0),
                        ["teacher.features.aux"] = Pixel(1, 0),
                        ["target.map"] = zeros([1, 1, 1], ScalarType.Int64),
                    },
                    new() { ["loss"] = [0.6110838685] }
                ),
            ["rdd 3, xor of 3"] = () => Chosen("xor", 3, 0.3441355174),
            ["rdd 3, or of 3"] = () => Chosen("or", 3, 0.6983254644),
            ["rdd 3, and of 3"] = () => Chosen("and", 3, 1.4067053584),
            ["rdd 3, xor of 8"] = () => Chosen("xor", 8, 0.1965212941),
            ["rdd 3, or of 8"] = () => Chosen("or", 8, 0.5588091641),
            ["rdd 3, and of 8"] = () => Chosen("and", 8, 0.6623199842),
            ["rdd 3, nothing"] = () => Chosen("xor", 12, 0),
            ["rdd 4, first phase"] = () => Both("rdd-tfe", "{}", .5, 0.5822803070),
            ["rdd 4, second phase"] = () => Both("rdd-tse", """{ "minKeptPixels": 3 }""", .5, 0.5268526297),
            ["rdd 8, first phase"] = () => Both("rdd-tfe", "{}", 1, 0.5690941203),
            ["rdd 8, second phase"] = () => Both("rdd-tse", """{ "minKeptPixels": 3 }""", 1, 0.4805392084),
        };

    private static Tensor Pixel(double a, double b) => tensor((double[])[a, b]).view(1, 2, 1, 1);

    private static ProbeGolden Chosen(string selection, int kept, double loss) =>
        new(
            "rdd-tse",
            Given(Map(OfStudent), Map(OfTeacher)),
            new() { ["loss"] = [loss] },
            $$"""{ "selection": "{{selection}}", "minKeptPixels": {{kept}} }"""
        );

    // The teacher's auxiliary head says half of its main one, the student's a share.
    private static ProbeGolden Both(string plugin, string options, double share, double loss)
    {
        var given = Given(Map(OfStudent), Map(OfTeacher));
        given["student.features.aux"] = Map(OfStudent) * share;
        given["teacher.features.aux"] = Map(OfTeacher) * .5;
        return new(plugin, given, new() { ["loss"] = [loss] }, options);
    }

    private static Dictionary<string, Tensor> Given(Tensor student, Tensor teacher) =>
        new()
        {
            ["student.logits"] = student,
            ["teacher.logits"] = teacher,
            ["target.map"] = tensor(Labels).view(1, 3, 4),
            ["target.ignore"] = tensor(-1L),
        };

    // ln(p / (1 - p)) at the true class, 0 at the other.
    private static Tensor Map(double[] probabilities)
    {
        var values = new double[24];
        for (var i = 0; i < 12; i++)
            values[Math.Max(0, Labels[i]) * 12 + i] = Math.Log(probabilities[i] / (1 - probabilities[i]));
        return tensor(values).view(1, 2, 3, 4);
    }
}
