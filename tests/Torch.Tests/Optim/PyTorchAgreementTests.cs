using System.Text.Json;
using KdPlugins.Torch.Optim;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Optim;

/// <summary>20 steps against what PyTorch did (<c>Golden/optimizers.py</c>): two groups, gradients that come and go.</summary>
public class PyTorchAgreementTests
{
    private static readonly JsonElement[] Cases =
    [
        .. JsonDocument
            .Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Optim", "Golden", "optimizers.json")))
            .RootElement.GetProperty("cases")
            .EnumerateArray(),
    ];

    public static TheoryData<string, string> Names()
    {
        var data = new TheoryData<string, string>();
        foreach (var c in Cases)
            data.Add(c.GetProperty("algorithm").GetString()!, c.GetProperty("name").GetString()!);
        return data;
    }

    [Theory, MemberData(nameof(Names))]
    public void Float64_follows_PyTorch(string algorithm, string name) =>
        Follow(algorithm, name, ScalarType.Float64, "float64", 1e-12);

    // Both round in float32 but in another order: 20 steps of a few roundings each, of values around one.
    [Theory, MemberData(nameof(Names))]
    public void Float32_follows_PyTorch(string algorithm, string name) =>
        Follow(algorithm, name, ScalarType.Float32, "float32", 2e-6);

    private static void Follow(string algorithm, string name, ScalarType dtype, string recorded, double tolerance)
    {
        var found = Cases.Single(c =>
            c.GetProperty("algorithm").GetString() == algorithm && c.GetProperty("name").GetString() == name
        );
        using var problem = new Quadratics(dtype);
        using var optimizer = GoldenCase.Make(
            algorithm,
            problem,
            found.GetProperty("options"),
            found.GetProperty("second")
        );
        problem.Train(optimizer, 0, 20);
        for (var k = 0; k < 3; k++)
        {
            var expected = found.GetProperty(recorded).GetProperty(Quadratics.Names[k]).Deserialize<double[]>()!;
            var actual = problem.Values(k);
            Assert.Equal(expected.Length, actual.Length);
            for (var i = 0; i < expected.Length; i++)
                Assert.True(
                    Math.Abs(expected[i] - actual[i]) <= tolerance,
                    $"{Quadratics.Names[k]}[{i}]: {actual[i]:R}, PyTorch {expected[i]:R}"
                );
        }
    }
}
