using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.AugKd;

/// <summary>The trade-off s between the teacher's domain (0) and the student's (1), and what it mixes.</summary>
public static class Mix
{
    /// <summary>s(e), which begins at b and is 1 from epoch a E on.</summary>
    /// <param name="schedule">Linear: min((1-b) e / (a E) + b, 1). Step: min(b + (1-b) trunc(10 e / (a E)) / 10, 1).</param>
    /// <param name="epoch">e, from 0.</param>
    /// <param name="epochs">E, at least 1.</param>
    /// <param name="a">Above 0 to 1.</param>
    /// <param name="b">0 to 1.</param>
    [Formula("mix-share", Description = "the student domain's share s of an epoch")]
    public static double Share(MixSchedule schedule, long epoch, long epochs, double a, double b)
    {
        var done = epoch / (a * epochs);
        return schedule == MixSchedule.Linear
            ? Math.Min((1 - b) * done + b, 1)
            : Math.Min(b + (1 - b) * Math.Truncate(10 * epoch / (epochs * a)) / 10, 1);
    }

    /// <summary>zm = (1-s) z' + s z, xm = (1-s) G(zm) + s x.</summary>
    /// <param name="s">In [0, 1].</param>
    /// <param name="x">The student domain's images, in [0, 1].</param>
    /// <param name="z">Their latent vectors <c>[batch, latent]</c>.</param>
    /// <param name="anchor">Their anchors' vectors z'.</param>
    /// <param name="decode">G.</param>
    /// <returns>Images of the shape of x; x itself where s is 1.</returns>
    public static Tensor Images(double s, Tensor x, Tensor z, Tensor anchor, Func<Tensor, Tensor> decode)
    {
        if (s >= 1)
            return x;
        var mixed = decode(Latents(s, z, anchor));
        return s <= 0 ? mixed : mixed * (1 - s) + x * s;
    }

    /// <summary>zm = (1-s) z' + s z.</summary>
    /// <param name="s">In [0, 1].</param>
    /// <param name="z">Latent vectors.</param>
    /// <param name="anchor">The anchors' vectors z', of the same shape.</param>
    [Formula("mix-latents", Description = "(1 - s) z' + s z")]
    public static Tensor Latents(double s, Tensor z, Tensor anchor) => anchor * (1 - s) + z * s;

    /// <summary>The real and the mixed images behind one another, both with the real ones' labels and numbers.</summary>
    /// <param name="real">The student domain's batch, with classes.</param>
    /// <param name="mixed">Images of the same shape.</param>
    /// <exception cref="KdPlugins.Torch.KdException"><c>KDP0304</c>: the targets are no classes.</exception>
    public static Batch Both(Batch real, Tensor mixed)
    {
        var labels = TargetReader.As<ClassIndexTarget>(real.Target, AugKdStrategy.Name).Labels;
        return new Batch(
            cat([real.Input, mixed.to(real.Input.dtype)]),
            new ClassIndexTarget(cat([labels, labels])),
            cat([real.Indices, real.Indices])
        );
    }
}
