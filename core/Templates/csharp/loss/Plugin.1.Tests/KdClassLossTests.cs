using KdPlugins.Testing;

namespace Plugin._1.Tests;

public sealed class KdClassLossTests
{
    private static readonly double[,] Student =
    {
        { 1, 2, 3 },
        { 0, 1, -1 },
    };

    private static readonly double[,] Teacher =
    {
        { 3, 1, 2 },
        { 0, 2, -2 },
    };

    // The values are PyTorch's, in double precision.
    public static IEnumerable<object[]> Checks =>
        Conformance
            .Loss<KdClassLoss>(new() { Golden = [new(() => LossCase.Of(Student, Teacher), 0.7558813698, 1e-6)] })
            .Theory();

    public static IEnumerable<object[]> ChecksWhenSoftened =>
        Conformance
            .Loss<KdClassLoss>(
                new()
                {
                    Options = new KdClassOptions { Temperature = 4 },
                    Golden = [new(() => LossCase.Of(Student, Teacher), 12.0189264482, 1e-5)],
                }
            )
            .Theory();

    [SkippableTheory]
    [MemberData(nameof(Checks))]
    [MemberData(nameof(ChecksWhenSoftened))]
    public void Conforms(ConformanceCheck check)
    {
        var outcome = check.Run();
        Skip.If(outcome.IsSkipped, outcome.Detail);
    }
}
