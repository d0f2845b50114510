using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>A published example: what a plugin is given, and what has to come out.</summary>
/// <param name="Plugin">The plugin's id.</param>
/// <param name="Given">The tensors by the names of <c>kd probe</c>, float64.</param>
/// <param name="Expected">The output's tensors by name, row by row, from their beginning.</param>
/// <param name="Options">The plugin's options.</param>
internal sealed record ProbeGolden(
    string Plugin,
    Dictionary<string, Tensor> Given,
    Dictionary<string, double[]> Expected,
    string Options = "{}"
)
{
    /// <summary>The largest difference: one of the last digit that is published.</summary>
    internal const double Tolerance = 1e-7;

    /// <summary>The formula of the plugin's that is probed; null for the plugin itself.</summary>
    internal string? Formula { get; init; }

    /// <summary>Whether it is probed in evaluation mode.</summary>
    internal bool Evaluates { get; init; }

    /// <summary>Sum and 2-norm of whole tensors of the output.</summary>
    internal Dictionary<string, (double Sum, double Norm)> Sums { get; init; } = [];

    /// <summary>The same example with one more value that has to come out.</summary>
    internal ProbeGolden And(string name, params double[] values) =>
        this with
        {
            Expected = new(Expected) { [name] = values },
        };

    /// <summary>Loss 'kd' on rows of logits.</summary>
    internal static ProbeGolden Kd(Tensor student, Tensor teacher, double loss, string options = "{}") =>
        new(
            "kd",
            new() { ["student.logits"] = student, ["teacher.logits"] = teacher },
            new() { ["loss"] = [loss] },
            options
        );

    /// <summary>A formula of a method on tensors and numbers.</summary>
    internal static ProbeGolden Of(
        string plugin,
        string formula,
        Dictionary<string, Tensor> given,
        string numbers = "{}"
    ) => new(plugin, given, [], numbers) { Formula = formula };

    /// <summary>A matrix, row by row.</summary>
    internal static Tensor Rows(int columns, params double[] values) => tensor(values).view(-1, columns);

    /// <summary>A matrix of one row.</summary>
    internal static Tensor Row(params double[] values) => tensor(values).unsqueeze(0);

    /// <summary>The identity.</summary>
    internal static Tensor Identity(long rows, long columns) => eye(rows, columns, dtype: ScalarType.Float64);
}
