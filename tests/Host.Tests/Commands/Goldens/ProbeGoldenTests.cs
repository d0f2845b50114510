using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>
/// The examples of the method sheets whose formula is a plugin, through files and in float64, as somebody with another
/// implementation would compare.
/// </summary>
/// <remarks>
/// What a probe cannot run is tested beside its method: networks of strategies that are no plugins and steps of them
/// (AuG-KD 9 to 14, INFER 8, SOKD 4 and 5, FRSKD 5, MosaicKD 1 and its discriminator, data-free 6, Selective-FD 4, 7 and 8), the deviation of a teacher over groups of steps (Good-DA 1), whole recipes (ICDA 8,
/// Good-DA 5), and a temperature beyond the option's bounds (the limit of ICDA 7).
/// </remarks>
[Collection("commands")]
public sealed class ProbeGoldenTests : IDisposable
{
    private readonly Kd _kd = new();
    private readonly DisposeScope _scope;

    public ProbeGoldenTests()
    {
        Torch.NativeRuntime.Start();
        _scope = NewDisposeScope();
    }

    public void Dispose()
    {
        _scope.Dispose();
        _kd.Dispose();
    }

    private static readonly Dictionary<string, Func<ProbeGolden>> All = new([
        .. IcdaGoldens.All,
        .. GoodDaKdGoldens.All,
        .. DistilledDataGoldens.All,
        .. FormulaGoldens.All,
        .. FrskdGoldens.All,
        .. SokdGoldens.All,
        .. RddGoldens.All,
        .. BackwardPassGoldens.All,
        .. SelectiveFdGoldens.All,
        .. MosaicKdGoldens.All,
        .. DataFreeGoldens.All,
        .. SpeculativeKdGoldens.All,
    ]);

    public static TheoryData<string> Names => [.. All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_published_example_comes_out_of_the_probe(string name)
    {
        var golden = All[name]();
        string[] mode =
            golden.Formula is { } formula ? ["--formula", formula]
            : golden.Plugin == "convnet" || golden.Evaluates ? ["--mode", "eval"]
            : [];
        var found = new ProbeFiles(_kd, Kd.Plugins).Run(
            golden.Plugin,
            golden.Given,
            ["--options", golden.Options, .. mode]
        );
        foreach (var (key, expected) in golden.Expected)
        {
            var got = found[key].to(ScalarType.Float64).flatten().contiguous().data<double>().ToArray();
            Assert.True(got.Length >= expected.Length, $"{key} has {got.Length} values");
            for (var i = 0; i < expected.Length; i++)
                Assert.True(
                    Math.Abs(expected[i] - got[i]) <= ProbeGolden.Tolerance,
                    $"{key}[{i}] is {got[i]:R}, published is {expected[i]:R}"
                );
        }
        foreach (var (key, (sum, norm)) in golden.Sums)
        {
            Assert.Equal(ScalarType.Float64, found[key].dtype);
            Assert.Equal(sum, found[key].sum().item<double>(), ProbeGolden.Tolerance);
            Assert.Equal(norm, found[key].norm().item<double>(), ProbeGolden.Tolerance);
        }
    }
}
