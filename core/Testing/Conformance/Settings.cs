using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

/// <summary>What all checks have in common.</summary>
public abstract record ConformanceSettings
{
    /// <summary>The plugin's options; null for its defaults.</summary>
    public object? Options { get; init; }

    /// <summary>
    /// Whether it may draw from libtorch's default generators, as modules with dropout do. The engine seeds those for every
    /// step; everything else is drawn from the context's key.
    /// </summary>
    public bool DrawsFromTorch { get; init; }

    /// <summary>
    /// The recipe in which it is run and resumed; null for a small one that names it, made of the kit's own
    /// <c>kit-data</c>, <c>kit-net</c>, <c>kit-cross-entropy</c>, <c>kit-kd</c>, <c>kit-generator</c> and <c>kit-offline</c>.
    /// </summary>
    public string? Recipe { get; init; }

    /// <summary>Plugin classes that the recipe names beside the checked one and the kit's.</summary>
    public IReadOnlyList<Type> Plugins { get; init; } = [];

    /// <summary>
    /// What the check <c>calls</c> lets pass, by the names it tells, such as <c>Tensor.matmul</c> where shapes cannot but fit.
    /// </summary>
    public IReadOnlyCollection<string> AllowedCalls { get; init; } = [];
}

/// <summary>What a loss is checked with.</summary>
public sealed record LossSettings : ConformanceSettings
{
    /// <summary>Values that are known from elsewhere: the paper's code, or a plain loop in double precision.</summary>
    public IReadOnlyList<LossGolden> Golden { get; init; } = [];

    /// <summary>
    /// Makes inputs in float64 on the CPU from a key; null for logits and embeddings of student and teacher, the taps
    /// <c>early</c> and <c>late</c>, and classes as targets.
    /// </summary>
    public Func<RandomKey, LossCase>? Case { get; init; }

    /// <summary>The largest difference between gradient and central differences, relative to the larger of 1 and the gradient.</summary>
    public double GradientTolerance { get; init; } = 1e-6;

    /// <summary>Why gradients are not those of the value (a stopped gradient, a straight-through estimate); empty where they are.</summary>
    public string NotDifferentiable { get; init; } = "";

    /// <summary>Whether teacher and student may have different numbers of classes.</summary>
    public bool TakesOtherClassCounts { get; init; }
}

/// <summary>What an augmentation is checked with.</summary>
public sealed record AugmentationSettings : ConformanceSettings
{
    /// <summary>Batches whose result is known.</summary>
    public IReadOnlyList<AugmentationGolden> Golden { get; init; } = [];

    /// <summary>What a consulted role answers to images; null for fixed linear logits.</summary>
    public Func<Tensor, ModelOutput>? Network { get; init; }

    /// <summary>Values that the strategy would publish.</summary>
    public IReadOnlyDictionary<string, double> Values { get; init; } = new Dictionary<string, double>();
}

/// <summary>What a generator is checked with.</summary>
public sealed record GeneratorSettings : ConformanceSettings
{
    /// <summary>What its samples have to look like; null for images [3, 8, 8] of 4 classes.</summary>
    public DataInfo? Data { get; init; }
}

/// <summary>Answers of a network and what they ought to have been.</summary>
/// <param name="Logits">float [12, ...], finite.</param>
/// <param name="Target">Of 12 samples.</param>
/// <param name="Classes">The classes of an answer.</param>
public sealed record MeterCase(Tensor Logits, Target Target, long Classes);

/// <summary>What a meter is checked with.</summary>
public sealed record MeterSettings : ConformanceSettings
{
    /// <summary>
    /// Makes 12 answers to a kind of target from a key; null for four classes of samples, pixels or tokens. Boxes have no answers
    /// of the kit's.
    /// </summary>
    public Func<RandomKey, TargetKind, MeterCase>? Case { get; init; }
}

/// <summary>
/// What a tool is checked with. Where <see cref="ConformanceSettings.Recipe"/> is null, the kit's small one names weights for
/// <c>teacher</c> and <c>student</c>; a recipe of one's own names files that are there.
/// </summary>
public sealed record ToolSettings : ConformanceSettings;

/// <summary>What a strategy is checked with.</summary>
public sealed record StrategySettings : ConformanceSettings
{
    /// <summary>Steps of a sitting where it is resumed; at least 1.</summary>
    public int StepsPerSitting { get; init; } = 3;
}

/// <summary>What a data set is checked with.</summary>
public sealed record DatasetSettings : ConformanceSettings
{
    /// <summary>The folder that relative paths in the options are relative to, as a recipe's is.</summary>
    public string Folder { get; init; } = "";

    /// <summary>At most so many samples of each split are read, evenly spread; at least 2.</summary>
    public int Samples { get; init; } = 64;
}

/// <summary>What a model is checked with.</summary>
public sealed record ModelSettings : ConformanceSettings
{
    /// <summary>An input without the batch dimension that the architecture takes.</summary>
    public IReadOnlyList<long> InputShape { get; init; } = [3, 32, 32];

    /// <summary>What the data set holds; null for images of <see cref="InputShape"/> with classes.</summary>
    public DataInfo? Data { get; init; }

    /// <summary>Parameters, by name, that no gradient reaches on purpose.</summary>
    public IReadOnlyCollection<string> Unused { get; init; } = [];
}

/// <summary>What a loss sees of a step.</summary>
/// <param name="Student">What the student answered.</param>
/// <param name="Teacher">What the teacher answered; null where nobody teaches.</param>
/// <param name="Batch">The student's batch.</param>
public sealed record LossCase(ModelOutput Student, ModelOutput? Teacher, Batch Batch)
{
    /// <summary>What further roles answered.</summary>
    public IReadOnlyDictionary<string, ModelOutput> Outputs { get; init; } = new Dictionary<string, ModelOutput>();

    /// <summary>Logits of student and teacher, [samples, classes], and a class per sample.</summary>
    public static LossCase Of(double[,] student, double[,]? teacher, params long[] labels) =>
        new(
            Stubs.Output(tensor(student)),
            teacher is null ? null : Stubs.Output(tensor(teacher)),
            new(
                zeros([student.GetLength(0), 3, 8, 8], ScalarType.Float64),
                labels.Length == 0 ? new NoTarget(student.GetLength(0)) : new ClassIndexTarget(tensor(labels)),
                arange(student.GetLength(0), ScalarType.Int64)
            )
        );
}

/// <summary>A loss's value that is known.</summary>
/// <param name="Case">Makes the inputs, in float64.</param>
/// <param name="Expected">The value.</param>
/// <param name="Tolerance">The largest difference.</param>
public sealed record LossGolden(Func<LossCase> Case, double Expected, double Tolerance = 1e-9);

/// <summary>An augmentation's result that is known.</summary>
/// <param name="Batch">Makes the batch.</param>
/// <param name="Key">The random stream.</param>
/// <param name="Expected">Makes the input of the batch that has to come out.</param>
/// <param name="Tolerance">The largest difference of an entry.</param>
public sealed record AugmentationGolden(
    Func<Batch> Batch,
    RandomKey Key,
    Func<Tensor> Expected,
    double Tolerance = 1e-6
);
