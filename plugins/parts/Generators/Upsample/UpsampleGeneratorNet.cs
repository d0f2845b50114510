using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Generators;

/// <summary>
/// z -> image in [0, 1]: a linear layer onto a map of a quarter of the size, batch norm, twice nearest upsampling and a
/// 3x3 convolution with batch norm and LeakyReLU(0.2), a 3x3 convolution, sigmoid. Parameters are named as in AuG-KD's
/// code (<c>embed.0 embed.2 decoder.{1,2,5,6,8}</c>) and initialised as PyTorch's defaults.
/// </summary>
public sealed class UpsampleGeneratorNet : nn.Module<Tensor, Tensor>
{
    // Containers for the names; the layers between those with parameters are plain functions. A layer in a field of its
    // own would be registered under the field's name too.
    private readonly Sequential embed;
    private readonly Sequential decoder;

    private readonly (Conv2d Convolution, BatchNorm2d Norm)[] _stages;
    private readonly long[] _start;

    /// <summary>Makes the network with weights from TorchSharp's global generator.</summary>
    /// <param name="latent">The length of z, at least 1.</param>
    /// <param name="width">Channels of the smallest map, a multiple of 4.</param>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="height">Of the image, a multiple of 4.</param>
    /// <param name="imageWidth">Of the image, a multiple of 4.</param>
    public UpsampleGeneratorNet(long latent, long width, long channels, long height, long imageWidth)
        : base(nameof(UpsampleGeneratorNet))
    {
        _start = [width, height / 4, imageWidth / 4];
        embed = nn.Sequential(("0", nn.Linear(latent, width * _start[1] * _start[2])), ("2", nn.BatchNorm2d(width)));
        _stages = [Stage(width, width / 2), Stage(width / 2, width / 4)];
        decoder = nn.Sequential(
            ("1", _stages[0].Convolution),
            ("2", _stages[0].Norm),
            ("5", _stages[1].Convolution),
            ("6", _stages[1].Norm),
            ("8", nn.Conv2d(width / 4, channels, 3, padding: 1))
        );
        RegisterComponents();
        this.ToChannelsLast();
    }

    /// <summary>Images <c>[batch, channels, height, width]</c> in [0, 1].</summary>
    /// <param name="z">Latent vectors <c>[batch, latent]</c>.</param>
    public override Tensor forward(Tensor z)
    {
        var x = embed[1].call(embed[0].call(z).view([-1, .. _start]).ToChannelsLast());
        foreach (var (convolution, norm) in _stages)
            x = nn.functional.leaky_relu(norm.call(convolution.call(Twice(x))), 0.2);
        return decoder[^1].call(x).sigmoid();
    }

    /// <summary>Both sides doubled, each pixel four times.</summary>
    internal static Tensor Twice(Tensor x) =>
        nn.functional.interpolate(x, scale_factor: [2, 2], mode: InterpolationMode.Nearest);

    private static (Conv2d, BatchNorm2d) Stage(long inputs, long outputs) =>
        (nn.Conv2d(inputs, outputs, 3, padding: 1, bias: false), nn.BatchNorm2d(outputs));
}
