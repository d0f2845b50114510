using KdPlugins.Core;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>How a probe runs.</summary>
/// <param name="Mode">train or eval.</param>
/// <param name="Seed">The root of every random stream.</param>
/// <param name="Strict">Whether every parameter and buffer has to be given.</param>
internal sealed record ProbeSettings(string Mode, long Seed, bool Strict = false)
{
    internal const string Train = "train";
    internal const string Eval = "eval";

    internal bool IsEvaluation => Mode == Eval;

    internal RandomKey Key => new(unchecked((ulong)Seed));
}

/// <summary>A tensor that a plugin would take.</summary>
/// <param name="Name">In the input file.</param>
/// <param name="Form">Dtype and shape in words.</param>
/// <param name="IsRequired">Whether a probe without it is refused.</param>
/// <param name="Meaning">What it is.</param>
internal sealed record ProbeTensor(string Name, string Form, bool IsRequired, string Meaning);
