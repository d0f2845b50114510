using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.MosaicKd;

/// <summary>
/// Says of every patch of an image whether it is of a real image: so many 4x4 convolutions of stride 2 with LeakyReLU(0.2), each but
/// the first with batch norm, then a 1x1 convolution. With two of them it sees 10x10 pixels every 4. Parameters are named
/// and initialised as in MosaicKD's code (<c>main.{0,2,3,5,...}</c>, PyTorch's defaults).
/// </summary>
public sealed class PatchDiscriminator : nn.Module<Tensor, Tensor>, INetwork
{
    // A layer in a field of its own beside its container would be registered under the field's name too.
    private readonly Sequential main;

    private readonly List<(Conv2d Convolution, BatchNorm2d Norm)> _inner = [];
    private readonly long _stride;

    /// <summary>Makes the network with weights from TorchSharp's global generator.</summary>
    /// <param name="image">Channels, height and width; the sides are 2^steps at least.</param>
    /// <param name="width">Channels of the first map; each further one has twice as many.</param>
    /// <param name="steps">Convolutions of stride 2. Of two the first has a bias, of more none has, as published.</param>
    /// <param name="outputStride">Every so many rows and columns are kept.</param>
    public PatchDiscriminator(IReadOnlyList<long> image, long width, int steps = 2, long outputStride = 1)
        : base(nameof(PatchDiscriminator))
    {
        _stride = outputStride;
        List<(string, nn.Module<Tensor, Tensor>)> layers =
        [
            ("0", nn.Conv2d(image[0], width, 4, stride: 2, padding: 1, bias: steps == 2)),
        ];
        for (var k = 1; k < steps; k++, width *= 2)
        {
            var convolution = nn.Conv2d(width, 2 * width, 4, stride: 2, padding: 1, bias: false);
            _inner.Add((convolution, nn.BatchNorm2d(2 * width)));
            layers.Add(($"{3 * k - 1}", convolution));
            layers.Add(($"{3 * k}", _inner[^1].Norm));
        }
        layers.Add(($"{3 * steps - 1}", nn.Conv2d(width, 1, 1, bias: false)));
        main = nn.Sequential([.. layers]);
        RegisterComponents();
        this.ToChannelsLast();
        Shape = new([.. image], 1, 0, []);
    }

    /// <inheritdoc/>
    public nn.Module Module => this;

    /// <inheritdoc/>
    public NetworkShape Shape { get; }

    /// <inheritdoc/>
    public ModelOutput Forward(Tensor input, Tensor? mask, IReadOnlyCollection<string> taps) =>
        new(call(input), null, new Dictionary<string, Tensor>());

    /// <summary>Logits <c>[batch, 1, rows, columns]</c>: above 0 for patches of real images.</summary>
    /// <param name="input">Normalised images <c>[batch, channels, height, width]</c>.</param>
    public override Tensor forward(Tensor input)
    {
        var x = nn.functional.leaky_relu(main[0].call(input), 0.2);
        foreach (var (convolution, norm) in _inner)
            x = nn.functional.leaky_relu(norm.call(convolution.call(x)), 0.2);
        x = main[^1].call(x);
        return _stride == 1 ? x : x.slice(2, 0, x.shape[2], _stride).slice(3, 0, x.shape[3], _stride);
    }
}
