using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests;

/// <summary>Small things that many tests need.</summary>
internal static class Make
{
    /// <summary>A plugin with options that have passed validation, as the host makes it.</summary>
    public static T Plugin<T>(object options)
        where T : IPlugin, new()
    {
        var plugin = new T();
        Validator.ValidateObject(options, new ValidationContext(options), validateAllProperties: true);
        Assert.Equal(options.GetType(), plugin.OptionsType);
        plugin.Configure(options);
        return plugin;
    }

    public static bool Passes(object options) =>
        Validator.TryValidateObject(options, new ValidationContext(options), null, validateAllProperties: true);

    public static DataInfo Data(long[] shape, long classes, TargetKind target = TargetKind.ClassIndex) =>
        new(InputKind.Image, shape, target, classes, [], [], [], []);

    public static ModelOutput Output(Tensor logits) => new(logits, null, new Dictionary<string, Tensor>());

    public static Batch Batch(Target target) =>
        new(zeros(target.Count, 1), target, arange(target.Count, ScalarType.Int64));

    public static Tensor Doubles(double[,] values) => tensor(values, ScalarType.Float64);

    public static double[] Flat(Tensor values) => values.to(ScalarType.Float64).contiguous().data<double>().ToArray();
}
