using System.Text.Json;
using System.Text.Json.Nodes;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Losses;

/// <summary>Values and gradients that PyTorch gives for the published formulas; recorded by Golden/losses.py.</summary>
public class PyTorchLossTests
{
    private static readonly JsonArray Recorded = JsonNode
        .Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Losses", "Golden", "losses.json")))!
        .AsArray();

    public static TheoryData<int, string> Cases
    {
        get
        {
            var cases = new TheoryData<int, string>();
            for (var i = 0; i < Recorded.Count; i++)
                cases.Add(i, (string)Recorded[i]!["loss"]!);
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Value_and_gradient_are_those_of_PyTorch(int number, string id)
    {
        using var scope = NewDisposeScope();
        var (student, teacher, options) = Inputs(number);
        Tensor[] leaves = [.. student.Select(s => s.requires_grad_(true))];
        var value = LossUnderTest.Value(id, leaves, teacher, options, 0, 3, 5, 2, 3);
        value.backward();

        Assert.Equal((double)Recorded[number]!["value"]!, value.item<double>(), 1e-12);
        var gradients = Recorded[number]!["gradients"].Deserialize<double[][]>()!;
        foreach (var (expected, leaf) in gradients.Zip(leaves))
            Assert.All(expected.Zip(Make.Flat(leaf.grad!)), p => Assert.Equal(p.First, p.Second, 1e-12));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_gradient_is_that_of_finite_differences(int number, string id)
    {
        using var scope = NewDisposeScope();
        var (student, teacher, options) = Inputs(number);
        for (var i = 0; i < student.Length; i++)
        {
            Tensor At(Tensor x) =>
                LossUnderTest.Value(id, [.. student[..i], x, .. student[(i + 1)..]], teacher, options, 0, 3, 5, 2, 3);
            Assert.InRange(GradientCheck.Error(At, student[i]), 0, 1e-8);
        }
    }

    private static (Tensor[] Student, Tensor[] Teacher, string Options) Inputs(int number)
    {
        var found = Recorded[number]!;
        var (student, teacher) = (found["student"].Deserialize<long[][]>()!, found["teacher"].Deserialize<long[][]>()!);
        Tensor[] all = [.. student.Concat(teacher).Select((shape, phase) => Wave(shape, phase))];
        return (all[..student.Length], all[student.Length..], found["options"]!.ToJsonString());
    }

    private static Tensor Wave(long[] shape, int phase)
    {
        var count = shape.Aggregate(1L, (a, b) => a * b);
        return arange(count, ScalarType.Float64).mul(0.37).add(phase).sin().mul(1.5).view(shape);
    }
}
