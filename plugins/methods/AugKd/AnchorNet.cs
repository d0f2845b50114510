using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.AugKd;

/// <summary>
/// (latent vector, class) -> the anchor's latent vector: a mask, which depends on the class alone, says how much of each
/// entry may change, and a small convolutional body says into what. Parameters are named as in the authors' code.
/// </summary>
public sealed class AnchorNet : nn.Module
{
    // A layer in a field of its own beside its container would be registered under the field's name too.
    private readonly Linear embed_class;
    private readonly Sequential mask;
    private readonly Sequential module;

    private readonly long _classes;

    /// <summary>
    /// Makes the network with weights from TorchSharp's global generator: linear layers U(-0.08, 0.08) with biases 0.
    /// </summary>
    /// <param name="latent">The length of the latent vector.</param>
    /// <param name="classes">The number of classes.</param>
    public AnchorNet(long latent, long classes)
        : base(nameof(AnchorNet))
    {
        _classes = classes;
        embed_class = nn.Linear(classes, latent);
        mask = nn.Sequential(
            ("0", nn.Linear(latent, latent)),
            ("1", nn.Linear(latent, latent)),
            ("2", nn.Linear(latent, latent)),
            ("3", nn.BatchNorm1d(latent))
        );
        module = nn.Sequential(
            ("1", nn.Conv1d(1, 4, 3, padding: 1)),
            ("2", nn.BatchNorm1d(4)),
            ("4", nn.Conv1d(4, 8, 3, padding: 1)),
            ("5", nn.BatchNorm1d(8)),
            ("7", nn.Conv1d(8, 4, 3, padding: 1)),
            ("8", nn.BatchNorm1d(4)),
            ("11", nn.Linear(4 * latent, latent))
        );
        RegisterComponents();
        UniformWeights.Set(this);
    }

    /// <summary>z' = m body(z m) + (1 - m) z.</summary>
    /// <param name="z">Latent vectors <c>[batch, latent]</c>.</param>
    /// <param name="y">Classes, int64 <c>[batch]</c>.</param>
    /// <returns>The anchors' vectors and the masks (in [0, 1/3)), each <c>[batch, latent]</c>.</returns>
    public (Tensor Anchor, Tensor Mask) Move(Tensor z, Tensor y)
    {
        var m = Mask(mask.call(embed_class.call(nn.functional.one_hot(y, _classes).to(z.dtype))));
        var h = (z * m).unsqueeze(1);
        for (var i = 0; i < module.Count - 1; i += 2)
            h = nn.functional.leaky_relu(module[i + 1].call(Convolve((Conv1d)module[i], h)), 0.01);
        return (Blend(m, module[^1].call(h.flatten(1)), z), m);
    }

    /// <summary>ReLU(softsign(sigmoid(u) - 1/2)): 0 for u at most 0, below 1/3 above.</summary>
    /// <param name="u">What goes into the sigmoid, any shape.</param>
    [Formula("anchor-mask", Description = "ReLU(softsign(sigmoid(u) - 1/2))")]
    public static Tensor Mask(Tensor u)
    {
        var half = u.sigmoid() - 0.5;
        return (half / (1 + half.abs())).relu();
    }

    /// <summary>m v + (1 - m) z: exactly z where the mask is 0.</summary>
    /// <param name="m">The mask, any shape.</param>
    /// <param name="v">What the body makes of the masked vector, of the same shape.</param>
    /// <param name="z">The latent vector, of the same shape.</param>
    [Formula("anchor-blend", Description = "m v + (1 - m) z")]
    public static Tensor Blend(Tensor m, Tensor v, Tensor z) => m * v + (1 - m) * z;

    // A convolution of three taps along the vector, as a linear layer over its windows: libtorch's own backward pass of
    // such a small convolution multiplies memory that nobody has written by zero, which gives NaN where it holds one.
    private static Tensor Convolve(Conv1d convolution, Tensor v)
    {
        var (batch, channels, length) = (v.shape[0], v.shape[1], v.shape[2]);
        // From [batch, channels, length, 3].
        var rows = nn.functional.pad(v, [1, 1]).unfold(2, 3, 1).permute(0, 2, 1, 3).reshape(-1, channels * 3);
        var weight = convolution.weight.view(-1, channels * 3);
        return LayerTrace.Linear(convolution, rows, weight, convolution.bias).view(batch, length, -1).transpose(1, 2);
    }
}
