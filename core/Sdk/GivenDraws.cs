using System.Globalization;
using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Sdk;

/// <summary>
/// What a part draws, or what its caller gives in its place (<see cref="IGivenDraws"/>): whoever compares the part with
/// another implementation gives that one's draws. Use the name under which the batch records the draw
/// (<see cref="Batch.WithParameter"/>), and record what comes out of here.
/// </summary>
/// <remarks>
/// A range is per column (the last dimension), counted over again where there are fewer than columns; both ends belong
/// to it.
/// </remarks>
public static class GivenDraws
{
    /// <summary>True or false for each.</summary>
    /// <param name="context">Where the part runs.</param>
    /// <param name="name">The draw's name, "&lt;plugin id&gt;.&lt;name&gt;".</param>
    /// <param name="shape">Of what is recorded; the values are row by row.</param>
    /// <param name="draw">Draws them where none are given.</param>
    /// <exception cref="KdException"><c>KDP0416</c>: what is given is of another shape or dtype.</exception>
    public static bool[] Flags(IPartContext context, string name, ReadOnlySpan<long> shape, Func<bool[]> draw) =>
        Given(context, name, shape, t => t.dtype == ScalarType.Bool, "Bool") is { } given
            ? given.data<bool>().ToArray()
            : draw();

    /// <summary>Whole numbers.</summary>
    /// <param name="context">Where the part runs.</param>
    /// <param name="name">The draw's name, "&lt;plugin id&gt;.&lt;name&gt;".</param>
    /// <param name="shape">Of what is recorded; the values are row by row.</param>
    /// <param name="ranges">What can be drawn, at least one range.</param>
    /// <param name="draw">Draws them where none are given.</param>
    /// <exception cref="KdException"><c>KDP0416</c>: what is given has another shape or dtype, or a value outside.</exception>
    public static long[] Integers(
        IPartContext context,
        string name,
        ReadOnlySpan<long> shape,
        IReadOnlyList<(long Least, long Most)> ranges,
        Func<long[]> draw
    )
    {
        if (Given(context, name, shape, t => t.dtype == ScalarType.Int64, "Int64") is not { } given)
            return draw();
        var values = given.data<long>().ToArray();
        for (var i = 0; i < values.Length; i++)
            if (values[i] < ranges[i % ranges.Count].Least || values[i] > ranges[i % ranges.Count].Most)
                throw Outside(name, shape, i, $"{values[i]}", ranges[i % ranges.Count]);
        return values;
    }

    /// <summary>Numbers.</summary>
    /// <param name="context">Where the part runs.</param>
    /// <param name="name">The draw's name, "&lt;plugin id&gt;.&lt;name&gt;".</param>
    /// <param name="shape">Of what is recorded; the values are row by row.</param>
    /// <param name="ranges">What can be drawn, at least one range.</param>
    /// <param name="draw">Draws them where none are given.</param>
    /// <exception cref="KdException"><c>KDP0416</c>: what is given has another shape or dtype, or a value outside.</exception>
    public static double[] Reals(
        IPartContext context,
        string name,
        ReadOnlySpan<long> shape,
        IReadOnlyList<(double Least, double Most)> ranges,
        Func<double[]> draw
    )
    {
        if (Given(context, name, shape, t => t.is_floating_point(), "Float64") is not { } given)
            return draw();
        var values = given.to(ScalarType.Float64).data<double>().ToArray();
        for (var i = 0; i < values.Length; i++)
            if (!(values[i] >= ranges[i % ranges.Count].Least && values[i] <= ranges[i % ranges.Count].Most))
                throw Outside(name, shape, i, Text(values[i]), ranges[i % ranges.Count]);
        return values;
    }

    /// <summary>Finite numbers of any size, as a tensor on the context's device.</summary>
    /// <param name="context">Where the part runs.</param>
    /// <param name="name">The draw's name, "&lt;plugin id&gt;.&lt;name&gt;".</param>
    /// <param name="shape">Of the tensor.</param>
    /// <param name="draw">Draws it where none is given.</param>
    /// <exception cref="KdException"><c>KDP0416</c>: what is given has another shape or dtype, or is not finite.</exception>
    public static Tensor Values(IPartContext context, string name, ReadOnlySpan<long> shape, Func<Tensor> draw)
    {
        if (Given(context, name, shape, t => t.is_floating_point(), "Float64") is not { } given)
            return draw();
        return given.isfinite().all().item<bool>()
            ? given.to(context.Device)
            : throw Unfit(name, "has values that are not finite.");
    }

    /// <summary>The failure for what ranges alone do not say, to be thrown.</summary>
    /// <param name="name">The draw's name.</param>
    /// <param name="what">What is wrong with it, a predicate: "is ...; expected ...".</param>
    public static KdException Unfit(string name, string what) =>
        new(DataErrors.UnfitDraw, $"The given draw '{name}' {what}");

    private static Tensor? Given(
        IPartContext context,
        string name,
        ReadOnlySpan<long> shape,
        Func<Tensor, bool> fits,
        string dtype
    )
    {
        if ((context as IGivenDraws)?.Drawn(name) is not { } given)
            return null;
        return fits(given) && given.shape.AsSpan().SequenceEqual(shape)
            ? given.cpu().contiguous()
            : throw Unfit(name, $"is {TensorText.Describe(given)}; expected {dtype}{TensorText.Shape(shape)}.");
    }

    private static KdException Outside<T>(
        string name,
        ReadOnlySpan<long> shape,
        long at,
        string found,
        (T Least, T Most) range
    )
        where T : IFormattable
    {
        var place = new long[shape.Length];
        for (var d = shape.Length - 1; d >= 0; d--)
            (place[d], at) = (at % shape[d], at / shape[d]);
        return Unfit(
            name,
            $"has {found} at {TensorText.Shape(place)}; expected {Text(range.Least)} to {Text(range.Most)}."
        );
    }

    private static string Text<T>(T value)
        where T : IFormattable => value.ToString(null, CultureInfo.InvariantCulture);
}
