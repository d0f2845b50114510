using static KdPlugins.Host.Tests.Commands.ProbeGolden;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Of ICDA's sheet.</summary>
internal static class IcdaGoldens
{
    internal static IReadOnlyDictionary<string, Func<ProbeGolden>> All { get; } =
        new Dictionary<string, Func<ProbeGolden>>
        {
            ["icda 1"] = () => Cosines(Rows(2, 1, 0, 0, 1), 0.0639021, 0.0639021, 0),
            ["icda 1, clamped"] = () =>
                Cosines(Rows(2, 1, 0, 0, 1), 4.53989e-5, 4.53989e-5, 0, logScale: 5).And("grad.parameters.tau_raw", 0),
            ["icda 2"] = () => Cosines(full([4, 4], 0.3, ScalarType.Float64), 1.3862944, 1.3862944, 0),
            ["icda 3"] = () => Cosines(Rows(2, 0.9, 0.1, 0.4, 0.6), 0.3097794, 0.2827308, 0.0540973),
            ["icda 3, transposed"] = () => Cosines(Rows(2, 0.9, 0.4, 0.1, 0.6), 0.2556689, 0.2286335, 0.0540707),
            ["icda 4"] = () =>
                Cosines(Rows(3, 0.8, 0.1, -0.3, 0.2, 0.7, 0, -0.1, 0.4, 0.9), 0.2974101, 0.2674745, 0.0598711)
                    .And("grad.parameters.tau_raw", -0.3729426)
                    .And(
                        "grad.student.embedding",
                        [
                            .. (double[])[-0.0563761, 0.0831897, -0.0169897, 0.0621394],
                            .. (double[])[0.2396203, -0.1760579, -0.0125366, 0.1098604],
                            .. (double[])[0.0575245, 0.3664622, -0.1584989, 0.0128452],
                        ]
                    ),
            ["icda 5 and 9"] = () =>
                Raw(0.7505967)
                    .And("reported.contrast", 0.5326883)
                    .And("reported.invariance", 0.4358168)
                    .And("grad.student.embedding", -0.2710747, 0.2033060, -0.1628712, 0)
                    .And("grad.parameters.embed_s.weight", -0.8132242, -1.4100413, 0.6099181, 0.8132242)
                    .And("grad.parameters.embed_s.bias", -0.4339459, 0.2033060)
                    .And("grad.parameters.embed_t.weight", 0, 0.9132099, -1.1067495, 0)
                    .And("grad.parameters.embed_t.bias", 0.1826420, -1.1067495)
                    .And("grad.parameters.tau_raw", 0.4118426)
                    .And("grad.parameters.b", 0),
            ["icda 6"] = () => Raw(0.7505967, bias: -3.25).And("grad.parameters.b", 0),
            ["icda 6, permuted"] = () => Raw(0.7505967, permuted: true),
            ["icda 7"] = () => Kd(Row(0, 0), Row(4, 0), 1.7751051),
            ["icda 7, at 1"] = () => Kd(Row(0, 0), Row(4, 0), 0.6030524, """{ "temperature": 1 }"""),
            ["icda 10"] = () => Raw(0.9685051, alpha: "1"),
            ["icda 10, contrast alone"] = () => Raw(0.5326883, alpha: "0"),
        };

    // Teachers are unit vectors of R^(B+1), student i is [M_i, sqrt(1 - |M_i|^2)].
    private static ProbeGolden Cosines(
        Tensor cosines,
        double loss,
        double contrast,
        double invariance,
        double logScale = 1
    )
    {
        var count = cosines.shape[0];
        var rest = (1 - cosines.square().sum(1, keepdim: true)).clamp_min(0).sqrt();
        var options = $"{{ \"dimension\": {count + 1} }}";
        return Icd(cat([cosines, rest], 1), Identity(count, count + 1), logScale, 0, loss, options)
            .And("reported.contrast", contrast)
            .And("reported.invariance", invariance);
    }

    private static ProbeGolden Raw(double loss, double bias = 0, bool permuted = false, string alpha = "0.5")
    {
        var (student, teacher) = (Rows(2, 3, 4, 0, 2), Rows(2, 1, 0, 0, 5));
        if (permuted)
            (student, teacher) = (student.flip(0), teacher.flip(0));
        return Icd(student, teacher, 1, bias, loss, $"{{ \"dimension\": 2, \"alpha\": {alpha} }}");
    }

    // Heads that change nothing.
    private static ProbeGolden Icd(
        Tensor student,
        Tensor teacher,
        double logScale,
        double bias,
        double loss,
        string options
    )
    {
        var width = student.shape[1];
        var given = new Dictionary<string, Tensor>
        {
            ["student.embedding"] = student,
            ["teacher.embedding"] = teacher,
            ["parameters.tau_raw"] = tensor(logScale),
            ["parameters.b"] = tensor(bias),
        };
        foreach (var head in (string[])["embed_s", "embed_t"])
        {
            given[$"parameters.{head}.weight"] = Identity(width, width);
            given[$"parameters.{head}.bias"] = zeros(width, ScalarType.Float64);
        }
        return new("icd", given, new() { ["loss"] = [loss] }, options);
    }
}
