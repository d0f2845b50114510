using static TorchSharp.torch;

namespace KdPlugins.Torch.Instructions;

/// <summary>A computation whose result is known: a convolution or a matrix product, with its gradients.</summary>
/// <param name="Inputs">Channels in; of a matrix product the inner size.</param>
/// <param name="Outputs">Channels out; of a matrix product the columns.</param>
/// <param name="Kernel">Pixels per side of the kernel; 0 for a matrix product.</param>
/// <param name="Stride">Of the convolution; of a matrix product the matrices of the batch.</param>
/// <param name="Groups">Groups of channels; <see cref="Inputs"/> for a depth-wise convolution.</param>
/// <param name="Side">Pixels per side; of a matrix product the rows.</param>
internal sealed record Shape(long Inputs, long Outputs, long Kernel, long Stride, long Groups, long Side)
{
    internal bool IsConvolution => Kernel > 0;

    public override string ToString() =>
        IsConvolution
            ? $"convolution {Inputs} -> {Outputs}, {Kernel}x{Kernel}, stride {Stride}"
                + (Groups == 1 ? "" : $", {Groups} groups")
                + $", on {Side}x{Side} pixels"
            : $"{Stride} matrix product{(Stride == 1 ? "" : "s")} {Side}x{Inputs} by {Inputs}x{Outputs}";
}

/// <summary>How a shape is computed.</summary>
internal sealed record Manner(ScalarType Type, bool ChannelsLast, int Threads);

/// <summary>
/// Convolutions and matrix products of libtorch on this CPU against the same in double precision: kernels 1, 3, 5, 7, strides
/// 1 to 3, groups and depth-wise, few and odd channels; results, gradients of inputs and of weights.
/// </summary>
internal static class Sweep
{
    // What bf16 holds exactly goes in, so that one exact answer serves both types. Of the largest value.
    private const double AllowedFloat32 = 1e-4;
    private const double AllowedBFloat16 = 0.05;
    private const long Batch = 4;

    // Numbers: what is larger comes fresh from the system each time, all zeros.
    private const long MostRecycled = 1 << 22;

    private static readonly (long In, long Out)[] Channels = [(1, 8), (3, 16), (6, 10), (16, 16), (17, 33), (64, 32)];

    /// <summary>What is tried.</summary>
    internal static IReadOnlyList<Shape> Shapes { get; } =
    [
        .. from kernel in (long[])[1, 3]
        from stride in (long[])[1, 2, 3]
        from channels in Channels
        where !Deadly(kernel, stride, channels.In)
        select new Shape(channels.In, channels.Out, kernel, stride, 1, kernel == 1 ? 8 : 9),
        .. from kernel in (long[])[5, 7]
        from stride in (long[])[1, 2]
        from channels in ((long, long)[])[(3, 16), (16, 17)]
        select new Shape(channels.Item1, channels.Item2, kernel, stride, 1, 12),
        .. from stride in (long[])[1, 2]
        from groups in ((long, long, long)[])[(16, 16, 16), (17, 17, 17), (16, 32, 4)]
        from kernel in (long[])[3, 5]
        select new Shape(groups.Item1, groups.Item2, kernel, stride, groups.Item3, 9),
        new Shape(256, 512, 1, 2, 1, 8),
        new Shape(1, 1, 3, 1, 1, 9),
        .. from size in ((long, long, long)[])[(1, 1, 1), (5, 3, 7), (33, 17, 65), (64, 512, 10), (100, 128, 100)]
        from matrices in (long[])[1, 3]
        select new Shape(size.Item2, size.Item3, 0, matrices, 1, size.Item1),
        .. from stride in (long[])[2, 3]
        from channels in Channels
        where Deadly(1, stride, channels.In)
        select new Shape(channels.In, channels.Out, 1, stride, 1, 8),
    ];

    // Of these some kernels of AVX2 end the process: they come last, so that the rest is tried.
    private static bool Deadly(long kernel, long stride, long inputs) => kernel == 1 && stride > 1 && inputs < 8;

    /// <summary>In how many ways a shape is computed: both types and layouts, on one thread and on all.</summary>
    /// <param name="threads">All threads.</param>
    internal static IEnumerable<Manner> Manners(int threads) =>
        from type in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16]
        from channelsLast in (bool[])[true, false]
        from count in threads == 1 ? (int[])[1] : [1, threads]
        select new Manner(type, channelsLast, count);

    /// <summary>What is wrong with a shape, a sentence for each manner in which it is.</summary>
    // spoil: changes what libtorch answered; compute: computes in its place. For tests of the sweep itself.
    internal static IEnumerable<string> Faults(
        Shape shape,
        IEnumerable<Manner> manners,
        Func<Tensor, Tensor>? spoil = null,
        Func<Tensor, Tensor, Shape, Tensor>? compute = null
    )
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(11, CPU);
        var given = Given(shape, generator);
        var exact = Compute(given.Select(g => g.to(ScalarType.Float64)).ToArray(), shape, Exact);
        var answers = (string[])["result", "gradient of the input", "gradient of the weights"];
        var found = new List<string>();
        foreach (var manner in manners)
        {
            // One channel has both layouts at once; matrices have none.
            if (manner.ChannelsLast && (!shape.IsConvolution || shape.Inputs == 1))
                continue;
            using var inner = NewDisposeScope();
            if (get_num_threads() != manner.Threads)
                set_num_threads(manner.Threads);
            Poison(given);
            var actual = Compute(Cast(given, shape, manner), shape, compute ?? Plain);
            var allowed = Allowed(manner.Type);
            for (var i = 0; i < answers.Length; i++)
                if (Difference(spoil?.Invoke(actual[i]) ?? actual[i], exact[i]) is var error && !(error <= allowed))
                    found.Add(Sentence(shape, manner, answers[i], error));
        }
        return found;
    }

    private static string Sentence(Shape shape, Manner manner, string answer, double error)
    {
        var layout = shape.IsConvolution
            ? manner.ChannelsLast
                ? ", channels_last"
                : ", contiguous"
            : "";
        var threads = manner.Threads == 1 ? "1 thread" : $"{manner.Threads} threads";
        var off = double.IsInfinity(error) ? "not finite" : FormattableString.Invariant($"{100 * error:0.##} % off");
        return $"{shape}, {manner.Type}{layout}, {threads}: the {answer} is {off}";
    }

    // Input, weights, and the gradient that comes from above.
    private static Tensor[] Given(Shape s, Generator generator)
    {
        long[] input = s.IsConvolution ? [Batch, s.Inputs, s.Side, s.Side] : [s.Stride, s.Side, s.Inputs];
        long[] weights =
            s.IsConvolution ? [s.Outputs, s.Inputs / s.Groups, s.Kernel, s.Kernel]
            : s.Stride == 1 ? [s.Outputs, s.Inputs]
            : [s.Stride, s.Inputs, s.Outputs];
        var side = s.IsConvolution ? (s.Side + 2 * (s.Kernel / 2) - s.Kernel) / s.Stride + 1 : 0;
        long[] above = s.IsConvolution ? [Batch, s.Outputs, side, side] : [s.Stride, s.Side, s.Outputs];
        return
        [
            .. ((long[][])[input, weights, above]).Select(d => randn(d, generator: generator).to(ScalarType.BFloat16)),
        ];
    }

    private static Tensor[] Cast(Tensor[] given, Shape shape, Manner manner)
    {
        var cast = given.Select(g => g.to(manner.Type));
        return shape.IsConvolution && manner.ChannelsLast ? [.. cast.Select(t => t.ToChannelsLast())] : [.. cast];
    }

    private static Tensor[] Compute(Tensor[] given, Shape shape, Func<Tensor, Tensor, Shape, Tensor> forward)
    {
        var (x, w) = (given[0].detach().requires_grad_(), given[1].detach().requires_grad_());
        var y = forward(x, w, shape);
        y.backward([given[2]]);
        return [y.detach(), x.grad!, w.grad!];
    }

    private static Tensor Plain(Tensor x, Tensor w, Shape s) =>
        s.IsConvolution
            ? nn.functional.conv2d(
                x,
                w,
                padding: [s.Kernel / 2, s.Kernel / 2],
                strides: [s.Stride, s.Stride],
                groups: s.Groups
            )
        : s.Stride == 1 ? nn.functional.linear(x, w)
        : x.bmm(w);

    // Sums of products, element by element: neither oneDNN nor a kernel of double convolutions has part in it.
    private static Tensor Exact(Tensor x, Tensor w, Shape s)
    {
        if (!s.IsConvolution)
            return (x.unsqueeze(3) * (s.Stride == 1 ? w.t().unsqueeze(0) : w).unsqueeze(1)).sum(2);
        var patches = nn.functional.unfold(x, s.Kernel, padding: s.Kernel / 2, stride: s.Stride);
        var pixels = patches.shape[2];
        var side = (long)Math.Sqrt(pixels);
        var grouped = patches.reshape(Batch, s.Groups, -1, pixels);
        return einsum("gok,ngkl->ngol", w.reshape(s.Groups, s.Outputs / s.Groups, -1), grouped)
            .reshape(Batch, s.Outputs, side, side);
    }

    /// <summary>How far off a right kernel may be, as a share of the largest value.</summary>
    internal static double Allowed(ScalarType type) => type == ScalarType.BFloat16 ? AllowedBFloat16 : AllowedFloat32;

    /// <summary>How far off the furthest value is, of the largest one; infinity where it is not finite.</summary>
    internal static double Difference(Tensor actual, Tensor exact)
    {
        var error = (actual.to(ScalarType.Float64) - exact).abs().max() / exact.abs().max().clamp_min(1e-12);
        var value = error.item<double>();
        return double.IsNaN(value) ? double.PositiveInfinity : value;
    }

    /// <summary>Memory that libtorch takes next holds NaN: what a kernel leaves unwritten shows.</summary>
    internal static void Poison(IEnumerable<Tensor> given)
    {
        foreach (var size in given.Select(g => g.NumberOfElements).Distinct())
        foreach (var factor in (long[])[1, 2, 4, 16])
            if (size * factor <= MostRecycled)
                full([size * factor], float.NaN).Dispose();
    }
}
