using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;

namespace KdPlugins.Models;

/// <summary>What an image network is made for.</summary>
/// <param name="Channels">Channels of the images.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Classes">Length of the logits.</param>
internal sealed record ImageShape(int Channels, long Height, long Width, int Classes)
{
    /// <summary>What a request asks for.</summary>
    /// <param name="request">The request.</param>
    /// <param name="smallestSide">The smallest height and width.</param>
    /// <param name="asker">Who is asked.</param>
    /// <param name="member">Begins the refusal: the member of a family; empty where there is one.</param>
    /// <exception cref="KdException"><c>KDP0303</c>: the input is no image of the least size, or there are no classes.</exception>
    internal static ImageShape Of(ModelRequest request, long smallestSide, Asker asker, string member = "")
    {
        var shape = request.InputShape.ToArray();
        KdException Unfit(string reason) => asker.WrongShape($"{member}{reason}.", "Choose another model or data set.");
        if (shape.Length != 3)
            throw Unfit($"needs images [channels, height, width], the data have the shape {TensorText.Shape(shape)}");
        if (shape[0] < 1 || shape[0] > int.MaxValue || shape[1] < smallestSide || shape[2] < smallestSide)
            throw Unfit(
                $"needs at least 1 channel and {smallestSide}x{smallestSide} pixels, the data have the shape {TensorText.Shape(shape)}"
            );
        if (request.Classes is < 1 or > int.MaxValue)
            throw Unfit($"needs at least 1 class, the data have {request.Classes}");
        return new((int)shape[0], shape[1], shape[2], (int)request.Classes);
    }
}

/// <summary>The base of the plugins that make a <see cref="StagedNet"/> for images.</summary>
/// <typeparam name="TOptions">The options of the family.</typeparam>
public abstract class ImageModelPlugin<TOptions> : ModelPlugin<TOptions>
    where TOptions : class, new()
{
    /// <summary>The member of the family that the options ask for, as messages name it; empty where it is the only one.</summary>
    private protected virtual string Member => "";

    /// <summary>The smallest height and width.</summary>
    private protected abstract long SmallestSide { get; }

    /// <param name="image">What it is made for.</param>
    /// <param name="frozen">The layers it is made of where it is a frozen form; null for new ones.</param>
    private protected abstract StagedNet Build(ImageShape image, FrozenLayers? frozen);

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: the input is no image of the least size, or there are no classes.</exception>
    public sealed override INetwork Create(ModelRequest request)
    {
        var image = ImageShape.Of(request, SmallestSide, Asker, Member);
        return new StagedNetwork(frozen => Build(image, frozen), [.. request.InputShape], image.Classes);
    }
}
