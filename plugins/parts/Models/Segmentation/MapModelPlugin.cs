using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace KdPlugins.Models;

/// <summary>The base of the plugins that make networks of a class per place.</summary>
/// <typeparam name="TOptions">The options of the family.</typeparam>
public abstract class MapModelPlugin<TOptions> : ModelPlugin<TOptions>
    where TOptions : class, new()
{
    /// <summary>The smallest height and width.</summary>
    private protected abstract long SmallestSide { get; }

    /// <param name="image">What it is made for.</param>
    /// <param name="frozen">The layers it is made of where it is a frozen form; null for new ones.</param>
    private protected abstract MapNet Build(ImageShape image, FrozenLayers? frozen);

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0303</c>: the input is no image of the least size, or there are no classes.
    /// </exception>
    public sealed override INetwork Create(ModelRequest request)
    {
        var shape = request.InputShape.ToArray();
        if (shape.Length != 3)
            throw Unfit($"needs images [channels, height, width], the data have the shape {TensorText.Shape(shape)}");
        if (shape[0] < 1 || shape[0] > int.MaxValue || shape[1] < SmallestSide || shape[2] < SmallestSide)
            throw Unfit(
                $"needs at least 1 channel and {SmallestSide}x{SmallestSide} pixels, the data have the shape {TensorText.Shape(shape)}"
            );
        if (request.Classes is < 1 or > int.MaxValue)
            throw Unfit($"needs at least 1 class, the data have {request.Classes}");
        var image = new ImageShape((int)shape[0], shape[1], shape[2], (int)request.Classes);
        return new MapNetwork(frozen => Build(image, frozen), shape, image.Classes);
    }

    private KdException Unfit(string reason) => Asker.WrongShape($"{reason}.", "Choose another model or data set.");
}
