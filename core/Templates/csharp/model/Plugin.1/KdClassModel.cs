using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace Plugin._1;

/// <summary>Two stages of convolution, batch norm, ReLU and pooling, and a linear layer: see <see cref="KdClassNet"/>.</summary>
[KdModel("plugin-id-1", Version = "1.0.0", Description = "Two convolutional stages and a linear layer")]
public sealed class KdClassModel : ModelPlugin<KdClassOptions>
{
    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: the inputs are not images of at least 4x4 pixels.</exception>
    public override INetwork Create(ModelRequest request) =>
        request.InputShape is [_, >= 4, >= 4]
            ? new KdClassNet(request.InputShape, request.Classes, Options)
            : throw new KdException(
                CoreErrors.ShapesDiffer,
                $"Model 'plugin-id-1' takes images [channels, height, width] of at least 4x4, got "
                    + $"{TensorText.Shape([.. request.InputShape])}."
            );
}
