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
        var image = ImageShape.Of(request, SmallestSide, Asker);
        return new MapNetwork(frozen => Build(image, frozen), [.. request.InputShape], image.Classes);
    }
}
