using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Generators;

/// <summary>
/// z -> image in [0, 1] for larger images: a linear layer onto a map of 1/32 of the size, five times batch norm,
/// LeakyReLU(0.2), nearest upsampling and a 3x3 convolution with bias, all of one width; then batch norm, LeakyReLU(0.2), a 3x3
/// convolution, sigmoid. Parameters are named as in MosaicKD's code (<c>l1.0 conv_blocks.{0,3,4,7,...,20,22}</c>) and initialised
/// as PyTorch's defaults.
/// </summary>
public sealed class DeepGeneratorNet : nn.Module<Tensor, Tensor>
{
    /// <summary>What the smallest map is enlarged by.</summary>
    internal const long Enlargement = 1 << Steps;

    private const int Steps = 5;

    // A layer in a field of its own beside its container would be registered under the field's name too.
    private readonly Sequential l1;
    private readonly Sequential conv_blocks;

    private readonly List<(BatchNorm2d Norm, Conv2d Convolution)> _stages = [];
    private readonly long[] _start;

    /// <summary>Makes the network with weights from TorchSharp's global generator.</summary>
    /// <param name="latent">The length of z, at least 1.</param>
    /// <param name="width">Channels of all maps.</param>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="height">Of the image, a multiple of 32.</param>
    /// <param name="imageWidth">Of the image, a multiple of 32.</param>
    public DeepGeneratorNet(long latent, long width, long channels, long height, long imageWidth)
        : base(nameof(DeepGeneratorNet))
    {
        _start = [width, height / Enlargement, imageWidth / Enlargement];
        l1 = nn.Sequential(("0", nn.Linear(latent, width * _start[1] * _start[2])));
        List<(string, nn.Module<Tensor, Tensor>)> layers = [];
        for (var k = 0; k <= Steps; k++)
        {
            _stages.Add((nn.BatchNorm2d(width), nn.Conv2d(width, k < Steps ? width : channels, 3, padding: 1)));
            layers.Add(($"{4 * k}", _stages[k].Norm));
            layers.Add(($"{4 * k + (k < Steps ? 3 : 2)}", _stages[k].Convolution));
        }
        conv_blocks = nn.Sequential([.. layers]);
        RegisterComponents();
        this.ToChannelsLast();
    }

    /// <summary>Images <c>[batch, channels, height, width]</c> in [0, 1].</summary>
    /// <param name="z">Latent vectors <c>[batch, latent]</c>.</param>
    public override Tensor forward(Tensor z)
    {
        var x = Activated(_stages[0].Norm, l1.call(z).view([-1, .. _start]).ToChannelsLast());
        foreach (var (previous, next) in _stages.Zip(_stages.Skip(1)))
            x = Activated(next.Norm, previous.Convolution.call(UpsampleGeneratorNet.Twice(x)));
        return _stages[^1].Convolution.call(x).sigmoid();
    }

    private static Tensor Activated(BatchNorm2d norm, Tensor x) => nn.functional.leaky_relu(norm.call(x), 0.2);
}
