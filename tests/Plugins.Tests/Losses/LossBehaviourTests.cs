using KdPlugins.Losses;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Losses;

/// <summary>Growth over epochs, extreme inputs, the conformance of every loss, and whole runs on networks of the zoo.</summary>
[Collection(EngineTests.Name)]
public class LossBehaviourTests
{
    [Theory]
    [InlineData(0, 20, 0.05)]
    [InlineData(4, 20, 0.25)]
    [InlineData(19, 20, 1)]
    [InlineData(70, 20, 1)]
    [InlineData(0, 0, 1)]
    [InlineData(0, 1, 1)]
    public void Dkd_grows_over_the_epochs_of_its_warm_up(long epoch, int epochs, double share)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1, CPU);
        var (student, teacher) = (LossUnderTest.Draw("dkd", generator), LossUnderTest.Draw("dkd", generator));
        var context = LossUnderTest.Context("dkd", student, teacher, [], epoch);
        var whole = LossUnderTest.New("dkd", """{ "warmUpEpochs": 0 }""").Compute(context).item<double>();
        var part = LossUnderTest.New("dkd", $$"""{ "warmUpEpochs": {{epochs}} }""").Compute(context).item<double>();
        Assert.Equal(share, part / whole, 1e-12);
    }

    [Fact]
    public void Two_samples_in_one_place_have_a_gradient_that_is_finite_and_of_a_size()
    {
        using var scope = NewDisposeScope();
        var student = tensor(
                new[,]
                {
                    { 1.0, 2 },
                    { 1, 2 },
                    { 0, 1 },
                    { 3, 0 },
                }
            )
            .requires_grad_(true);
        var teacher = tensor(
            new[,]
            {
                { 1.0, 0 },
                { 0, 1 },
                { 1, 1 },
                { 0, 2 },
            }
        );
        LossUnderTest.Value("rkd", [student], [teacher]).backward();
        Assert.InRange(student.grad!.abs().max().item<double>(), 0.01, 1000);
    }

    public static TheoryData<string> Checked =>
        [
            .. Suites()
                .SelectMany(suite => suite.Value.Checks.Select(check => $"{suite.Key}/{check.Name}"))
                .Order(StringComparer.Ordinal),
        ];

    [Theory]
    [MemberData(nameof(Checked))]
    public void It_conforms(string name)
    {
        var at = name.IndexOf('/', StringComparison.Ordinal);
        var check = Suites()[name[..at]].Checks.Single(c => c.Name == name[(at + 1)..]);
        using var scope = NewDisposeScope();
        check.Run();
    }

    private static Dictionary<string, ConformanceSuite> Suites()
    {
        string[] taps = ["early", "late"];
        // The flow needs as many channels in both networks; the kit's teacher is wider.
        var alike = KitParts
            .Recipe(losses: """[{ "id": "fsp", "options": { "taps": ["early", "late"] } }]""")
            .Replace(""", "options": { "width": 8 }""", "", StringComparison.Ordinal);
        return new()
        {
            ["dkd"] = Conformance.Loss<DkdLoss>(),
            ["dist"] = Conformance.Loss<DistLoss>(),
            ["lskd"] = Conformance.Loss<LskdLoss>(),
            ["at"] = Conformance.Loss<AtLoss>(new() { Options = new AtOptions { Taps = taps } }),
            ["at-norm"] = Conformance.Loss<AtLoss>(
                new()
                {
                    Options = new AtOptions { Taps = taps, Distance = AttentionDistance.Norm },
                }
            ),
            ["sp"] = Conformance.Loss<SpLoss>(new() { Options = new SpOptions { Taps = taps } }),
            ["nst"] = Conformance.Loss<NstLoss>(new() { Options = new NstOptions { Taps = taps } }),
            ["fsp"] = Conformance.Loss<FspLoss>(
                new()
                {
                    Options = new FspOptions { Taps = taps },
                    Recipe = alike,
                }
            ),
            ["rkd"] = Conformance.Loss<RkdLoss>(),
            ["pkt"] = Conformance.Loss<PktLoss>(),
        };
    }
}
