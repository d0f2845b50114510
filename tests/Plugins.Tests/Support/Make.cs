using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;
using KdPlugins.Testing;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests;

/// <summary>Small things that many tests need.</summary>
internal static class Make
{
    /// <summary>A plugin with options that have passed validation, as the host makes it.</summary>
    public static T Plugin<T>(object options)
        where T : IPlugin, new()
    {
        var plugin = Stubs.Plugin<T>(options);
        Assert.Equal(options.GetType(), plugin.OptionsType);
        return plugin;
    }

    public static bool Passes(object options) =>
        Validator.TryValidateObject(options, new ValidationContext(options), null, validateAllProperties: true);

    /// <summary>What a loss sees of two answers; nobody teaches where the second is missing.</summary>
    public static LossContextStub Loss(Tensor student, Tensor? teacher, Batch batch) =>
        new(Stubs.Output(student), teacher is null ? null : Stubs.Output(teacher), batch);

    public static Batch Batch(Target target) =>
        new(zeros(target.Count, 1), target, arange(target.Count, ScalarType.Int64));

    public static Tensor Doubles(double[,] values) => tensor(values, ScalarType.Float64);

    public static double[] Flat(Tensor values) => values.to(ScalarType.Float64).contiguous().data<double>().ToArray();
}
