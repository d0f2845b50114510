using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

/// <summary>Plugins and values for tests that need no engine.</summary>
public static class Stubs
{
    /// <summary>A plugin with options that have passed validation, as the host makes it.</summary>
    /// <exception cref="ValidationException">The options are out of their bounds.</exception>
    public static T Plugin<T>(object options)
        where T : IPlugin, new()
    {
        var plugin = new T();
        Validator.ValidateObject(options, new ValidationContext(options), validateAllProperties: true);
        plugin.Configure(options);
        return plugin;
    }

    /// <summary>What a data set of images holds.</summary>
    /// <param name="shape">Channels, height and width.</param>
    /// <param name="classes">The number of classes.</param>
    /// <param name="target">What targets are.</param>
    public static DataInfo Data(long[] shape, long classes, TargetKind target = TargetKind.ClassIndex) =>
        new(InputKind.Image, shape, target, classes, [], [], [], []);

    /// <summary>A network without parameters that is never asked: for parts that look at shapes alone.</summary>
    /// <param name="shape">Channels, height and width.</param>
    /// <param name="classes">The number of classes.</param>
    public static INetwork Network(long[] shape, long classes) => new SilentNetwork(shape, classes);

    /// <summary>An output with logits, maybe an embedding and taps.</summary>
    public static ModelOutput Output(
        Tensor logits,
        Tensor? embedding = null,
        IReadOnlyDictionary<string, Tensor>? taps = null
    ) => new(logits, embedding, taps ?? new Dictionary<string, Tensor>());

    private sealed class SilentNetwork(long[] shape, long classes) : nn.Module("silent"), INetwork
    {
        public nn.Module Module => this;

        public NetworkShape Shape { get; } = new(shape, classes, 0, []);

        public ModelOutput Forward(Tensor input, Tensor? mask, IReadOnlyCollection<string> taps) =>
            throw new NotSupportedException("A stub of a network answers nothing.");
    }
}

/// <summary>What a part sees in a step, without an engine.</summary>
public class PartContextStub : IPartContext
{
    /// <inheritdoc/>
    public Progress Progress { get; init; } = new("test", 0, 1, 1);

    /// <inheritdoc/>
    public RandomKey Random { get; init; } = new(1);

    /// <inheritdoc/>
    public Device Device { get; init; } = CPU;

    /// <inheritdoc/>
    public bool IsEvaluation { get; init; }

    /// <summary>The networks that can be consulted, by role: what each answers to an input.</summary>
    public IReadOnlyDictionary<string, Func<Tensor, ModelOutput>> Networks { get; init; } =
        new Dictionary<string, Func<Tensor, ModelOutput>>();

    /// <summary>The values that the strategy has published.</summary>
    public IReadOnlyDictionary<string, double> Values { get; init; } = new Dictionary<string, double>();

    /// <inheritdoc/>
    public ModelOutput Consult(string role, Batch batch, IReadOnlyCollection<string> taps)
    {
        using var _ = no_grad();
        return Networks[role](batch.Input);
    }

    /// <inheritdoc/>
    public double Value(string name, double fallback) => Values.GetValueOrDefault(name, fallback);
}

/// <summary>What a loss sees in a step, without an engine.</summary>
/// <param name="student">What the student answered.</param>
/// <param name="teacher">What the teacher answered; null where nobody teaches.</param>
/// <param name="batch">The student's batch.</param>
public sealed class LossContextStub(ModelOutput student, ModelOutput? teacher, Batch batch)
    : PartContextStub,
        ILossContext
{
    /// <inheritdoc/>
    public ModelOutput Student => student;

    /// <inheritdoc/>
    public ModelOutput Teacher => teacher ?? throw new InvalidOperationException("Nobody teaches.");

    /// <inheritdoc/>
    public bool HasTeacher => teacher is not null;

    /// <inheritdoc/>
    public Batch Batch => batch;

    /// <summary>What further roles answered.</summary>
    public IReadOnlyDictionary<string, ModelOutput> Outputs { get; init; } = new Dictionary<string, ModelOutput>();

    /// <summary>What the loss has reported.</summary>
    public Dictionary<string, Tensor> Reported { get; } = [];

    /// <inheritdoc/>
    public ModelOutput Output(string role) => Outputs[role];

    /// <inheritdoc/>
    public void Report(string name, Tensor value) => Reported[name] = value;
}
