using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.AugKd;

/// <summary>
/// (image, class) -> N(mu, exp logvar) over latent vectors: trained to invert the generator. A plane made of the class
/// joins the image's channels; three convolutions go down to a quarter of the size; two linear layers give mu and logvar.
/// Parameters are named as in the authors' code.
/// </summary>
public sealed class LatentEncoder : nn.Module
{
    private const double LowestLogVariance = -5;
    private const double HighestLogVariance = 3;

    // A layer in a field of its own beside its container would be registered under the field's name too.
    private readonly Sequential embed_class;
    private readonly Conv2d embed_data;
    private readonly Sequential encoder;
    private readonly Linear fc_mu;
    private readonly Linear fc_var;

    private readonly long[] _image;
    private readonly long _classes;

    /// <summary>Makes the network with weights from TorchSharp's global generator: U(-0.08, 0.08), biases 0.</summary>
    /// <param name="image">Channels, height and width; the sides are multiples of 4.</param>
    /// <param name="classes">The number of classes.</param>
    /// <param name="latent">The length of the latent vector.</param>
    /// <param name="width">Channels of the first map.</param>
    public LatentEncoder(IReadOnlyList<long> image, long classes, long latent, long width = 64)
        : base(nameof(LatentEncoder))
    {
        var (channels, height, across) = (image[0], image[1], image[2]);
        (_image, _classes) = ([1, height, across], classes);
        embed_class = nn.Sequential(("0", nn.Linear(classes, height * across)));
        embed_data = nn.Conv2d(channels, channels, 1);
        encoder = nn.Sequential(
            ("0", nn.BatchNorm2d(channels + 1)),
            ("2", Block(channels + 1, width, bias: false)),
            ("4", Block(width, 2 * width, bias: false)),
            ("5", Block(2 * width, 4 * width, bias: true))
        );
        fc_mu = nn.Linear(4 * width * (height / 4) * (across / 4), latent);
        fc_var = nn.Linear(4 * width * (height / 4) * (across / 4), latent);
        RegisterComponents();
        UniformWeights.Set(this);
        this.ToChannelsLast();
    }

    private static Sequential Block(long inputs, long outputs, bool bias) =>
        nn.Sequential(("0", nn.Conv2d(inputs, outputs, 3, padding: 1, bias: bias)), ("1", nn.BatchNorm2d(outputs)));

    /// <summary>The distribution of latent vectors.</summary>
    /// <param name="x">Images <c>[batch, channels, height, width]</c> in [0, 1].</param>
    /// <param name="y">Their classes, int64 <c>[batch]</c>.</param>
    /// <returns>Means and log-variances (in [-5, 3]), each <c>[batch, latent]</c>.</returns>
    public (Tensor Mu, Tensor LogVariance) Encode(Tensor x, Tensor y)
    {
        var image = embed_data.call(x);
        var plane = embed_class.call(nn.functional.one_hot(y, _classes).to(x.dtype)).view([-1, .. _image]);
        var h = encoder[0].call(cat([image, plane.to(image.dtype)], 1).ToChannelsLast());
        for (var i = 0; i < 3; i++)
        {
            if (i < 2)
                h = nn.functional.interpolate(h, scale_factor: [0.5, 0.5], mode: InterpolationMode.Nearest);
            h = encoder[i + 1].call(h);
            h = i < 2 ? nn.functional.leaky_relu(h, 0.2) : h.tanh();
        }
        // Flattened in the order of [channels, height, width], whatever the layout.
        h = h.contiguous().flatten(1);
        return (fc_mu.call(h), fc_var.call(h).clamp(LowestLogVariance, HighestLogVariance));
    }

    /// <summary>z = mu + exp(logvar / 2) eps.</summary>
    /// <param name="mu">Means <c>[batch, latent]</c>.</param>
    /// <param name="logVariance">Log-variances of the same shape.</param>
    /// <param name="eps">Draws from N(0, I) of the same shape, cut off at 10.</param>
    public static Tensor Draw(Tensor mu, Tensor logVariance, Tensor eps) =>
        mu + logVariance.mul(0.5).exp() * eps.clamp(-10, 10);
}

/// <summary>The initialisation of the authors' code for convolutions over images and linear layers.</summary>
internal static class UniformWeights
{
    public static void Set(nn.Module module)
    {
        foreach (var part in module.modules().Where(m => m is Conv2d or Linear))
        foreach (var (name, values) in part.named_parameters(recurse: false))
            _ = name == "weight" ? nn.init.uniform_(values, -0.08, 0.08) : nn.init.zeros_(values);
    }
}
