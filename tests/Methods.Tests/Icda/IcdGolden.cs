using static TorchSharp.torch;

namespace KdPlugins.Icda.Tests;

/// <summary>
/// Inputs whose results were computed by the authors' released functions, unmodified, in double precision. Scale e
/// (tau_raw 1) and alpha 0.5 where nothing else is said.
/// </summary>
internal static class IcdGolden
{
    /// <summary>Test 3: an asymmetric matrix of cosines, rows are students.</summary>
    internal static readonly double[,] Two =
    {
        { 0.9, 0.1 },
        { 0.4, 0.6 },
    };

    /// <summary>Test 4.</summary>
    internal static readonly double[,] Three =
    {
        { 0.8, 0.1, -0.3 },
        { 0.2, 0.7, 0.0 },
        { -0.1, 0.4, 0.9 },
    };

    /// <summary>Test 4: the gradient of the total by the student's four-dimensional rows.</summary>
    internal static readonly double[] ThreeStudentGradient =
    [
        .. new[] { -0.0563761, 0.0831897, -0.0169897, 0.0621394 },
        .. new[] { 0.2396203, -0.1760579, -0.0125366, 0.1098604 },
        .. new[] { 0.0575245, 0.3664622, -0.1584989, 0.0128452 },
    ];

    /// <summary>Tests 5 and 9: features of the student.</summary>
    internal static readonly double[,] RawStudent =
    {
        { 3, 4 },
        { 0, 2 },
    };

    /// <summary>Tests 5 and 9: features of the teacher.</summary>
    internal static readonly double[,] RawTeacher =
    {
        { 1, 0 },
        { 0, 5 },
    };

    /// <summary>
    /// Rows of length one with the given cosines: teachers are unit vectors of R^(B+1), student i is
    /// [M_i, sqrt(1 - |M_i|^2)].
    /// </summary>
    internal static (Tensor Student, Tensor Teacher) Rows(Tensor cosines)
    {
        var count = cosines.shape[0];
        var rest = (1 - cosines.square().sum(1, keepdim: true)).sqrt();
        return (cat([cosines, rest], 1), eye(count, count + 1, dtype: ScalarType.Float64));
    }

    internal static Tensor Doubles(double[,] values) => tensor(values, ScalarType.Float64);
}
