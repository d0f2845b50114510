using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Generators;

/// <summary>What generators share that make images of a latent vector and know no classes. A strategy trains them.</summary>
/// <typeparam name="TOptions">See <see cref="Plugin{TOptions}"/>.</typeparam>
public abstract class ImageGenerator<TOptions> : Generator<TOptions>, ILatentGenerator
    where TOptions : class, new()
{
    private nn.Module<Tensor, Tensor>? _net;

    /// <inheritdoc/>
    public abstract long Latent { get; }

    /// <inheritdoc/>
    public override nn.Module? Module => _net;

    private nn.Module<Tensor, Tensor> Net => Asker.Bound(_net);

    /// <summary>What the sides of its images are multiples of.</summary>
    private protected abstract long Unit { get; }

    /// <summary>The network, with weights from TorchSharp's global generator.</summary>
    /// <param name="channels">Of the images.</param>
    /// <param name="height">A multiple of <see cref="Unit"/>.</param>
    /// <param name="width">The same.</param>
    private protected abstract nn.Module<Tensor, Tensor> Make(long channels, long height, long width);

    /// <inheritdoc/>
    /// <exception cref="KdException">
    /// <c>KDP0303</c>: the data are not images whose height and width are multiples of what the network enlarges by.
    /// </exception>
    public override void Bind(GeneratorBinding binding)
    {
        var shape = binding.Data.InputShape;
        if (binding.Data.Kind != InputKind.Image || shape.Count != 3 || shape.Skip(1).Any(n => n % Unit != 0))
            throw Asker.WrongShape(
                $"makes images [channels, height, width] whose sides are multiples of {Unit}; the data are {TensorText.Shape([.. shape])}."
            );
        _net = Make(shape[0], shape[1], shape[2]);
        _net.to(binding.Device);
    }

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0303</c>: the vectors are not <c>[batch, Latent]</c>.</exception>
    public Tensor Decode(Tensor latent)
    {
        if (latent.dim() != 2 || latent.shape[1] != Latent)
            throw Asker.WrongShape($"takes latent vectors [batch, {Latent}], got {TensorText.Describe(latent)}.");
        return Net.call(latent);
    }

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0306</c>: classes are asked for, and this generator knows none.</exception>
    public override Batch Sample(long count, Tensor? labels, IPartContext context)
    {
        if (labels is not null)
            throw Asker.WrongCombination("cannot be asked for classes.");
        var name = $"{Asker.Id}.latent";
        var z = GivenDraws.Values(context, name, [count, Latent], () => Draw(count, context));
        // Drawn in one dtype whatever the network's own is, so that both say the same.
        return Batch.Generated(Decode(z.to(Net.parameters().First().dtype))).WithParameter(name, z);
    }

    private Tensor Draw(long count, IPartContext context)
    {
        using var random = context.Random.Derive("latent").NewGenerator(context.Device);
        return randn([count, Latent], device: context.Device, generator: random);
    }
}
