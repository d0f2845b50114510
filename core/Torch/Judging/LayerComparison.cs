using KdPlugins.Torch.Instructions;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace KdPlugins.Torch.Judging;

/// <summary>One layer's output and gradients on this CPU against the same in double precision.</summary>
internal static class LayerComparison
{
    // What comes from memory that nobody has written differs from time to time.
    private const int Repetitions = 2;

    private static readonly string[] Answers = ["output", "input gradient", "weight gradient", "bias gradient"];

    /// <summary>What is wrong of what the shape needs.</summary>
    // spoil: changes what libtorch answered, for tests of the comparison itself.
    internal static IReadOnlyList<LayerFault> Faults(LayerShape shape, Func<string, Tensor, Tensor>? spoil = null)
    {
        var allowed = Sweep.Allowed(shape.Type);
        var faults = Answers.Zip(Errors(shape, spoil), (a, off) => new LayerFault(a, off));
        return [.. faults.Where(f => !(f.Off <= allowed))];
    }

    /// <summary>How far off each answer is, as a share of its largest value; 0 for what the shape does not need.</summary>
    internal static double[] Errors(LayerShape shape, Func<string, Tensor, Tensor>? spoil = null)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(11, CPU);
        var given = Operands.Draw(shape, generator);
        var exact = Compute(given.To(ScalarType.Float64), shape, ProductLayer.Of);
        var worst = new double[Answers.Length];
        for (var n = 0; n < Repetitions; n++)
        {
            using var inner = NewDisposeScope();
            var cast = given.To(shape.Type).In(shape);
            Sweep.Poison(given.All());
            var actual = Compute(cast, shape, Plain);
            for (var i = 0; i < Answers.Length; i++)
                if (exact[i] is { } right)
                {
                    var answer = spoil?.Invoke(Answers[i], actual[i]!) ?? actual[i]!;
                    worst[i] = Math.Max(worst[i], Sweep.Difference(answer, right));
                }
        }
        return worst;
    }

    // In the order of Answers; null for what is not needed.
    private static Tensor?[] Compute(Operands given, LayerShape s, Func<Operands, LayerShape, Tensor> forward)
    {
        var x = given.Input.detach().requires_grad_(s.NeedsInput);
        var w = given.Weight.detach().requires_grad_(s.NeedsWeight);
        var b = given.Bias?.detach().requires_grad_(s.NeedsWeight);
        using var mode = s.NeedsInput || s.NeedsWeight ? null : no_grad();
        var y = forward(given with { Input = x, Weight = w, Bias = b }, s);
        if (!s.NeedsInput && !s.NeedsWeight)
            return [y, null, null, null];
        var above = given.Above(y.shape);
        y.backward([y.IsChannelsLast() ? above.ToChannelsLast() : above]);
        return
        [
            y.detach(),
            s.NeedsInput ? x.grad : null,
            s.NeedsWeight ? w.grad : null,
            s.NeedsWeight ? b?.grad : null,
        ];
    }

    private static Tensor Plain(Operands o, LayerShape s)
    {
        if (s.AsProduct)
            return ProductLayer.InPlaceOf(o, s);
        var (x, w, b) = (o.Input, o.Weight, o.Bias);
        long[] stride = [.. s.Stride],
            padding = [.. s.Padding],
            dilation = [.. s.Dilation],
            after = [.. s.OutputPadding];
        return (s.Kind, s.Stride.Count) switch
        {
            (LayerKind.Linear, _) => linear(x, w, b),
            (LayerKind.Frozen, _) => Frozen(o, s),
            (LayerKind.Transposed, 1) => conv_transpose1d(
                x,
                w,
                b,
                stride[0],
                padding[0],
                after[0],
                dilation[0],
                s.Groups
            ),
            (LayerKind.Transposed, 2) => conv_transpose2d(x, w, b, stride, padding, after, dilation, s.Groups),
            (LayerKind.Transposed, _) => conv_transpose3d(x, w, b, stride, padding, after, dilation, s.Groups),
            (_, 1) => conv1d(x, w, b, stride[0], padding[0], dilation[0], s.Groups),
            (_, 2) => conv2d(x, w, b, stride, padding, dilation, s.Groups),
            _ => conv3d(x, w, b, stride, padding, dilation, s.Groups),
        };
    }

    private static Tensor Frozen(Operands o, LayerShape s)
    {
        using var layer = FrozenConv2d.From(
            o.Weight,
            o.Bias!,
            new([.. s.Stride], [.. s.Padding], [.. s.Dilation], s.Groups),
            s.HasRelu
        );
        return o.Residual is { } residual ? layer.ForwardAdd(o.Input, residual) : layer.Forward(o.Input);
    }
}
