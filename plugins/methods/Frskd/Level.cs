using KdPlugins.Core;
using KdPlugins.Sdk;

namespace KdPlugins.Frskd;

/// <summary>A feature map that is refined: what the self-teacher calls it, and where the student has it.</summary>
/// <param name="Name">The self-teacher's tap.</param>
/// <param name="Tap">The student's.</param>
internal sealed record Level(string Name, Tap Tap)
{
    private const string Before = ".preact";

    /// <summary>The self-teacher's tap before its ReLU.</summary>
    public string Signed => Name + Before;

    public long Channels => Tap.Shape[0];

    public long Height => Tap.Shape[1];

    public long Width => Tap.Shape[2];

    /// <summary>
    /// The levels of a network, from the finest to the coarsest. A stage that ends with a signed sum, and publishes the norm that
    /// follows it, is refined there.
    /// </summary>
    /// <param name="asker">Who asks.</param>
    /// <param name="shape">The student's.</param>
    /// <param name="names">Taps; empty for all of the form <c>layerN</c>.</param>
    /// <param name="role">Whose network it is.</param>
    /// <exception cref="Torch.KdException"><c>KDP0302</c>: there is no such tap; <c>KDP0303</c>: they are no feature maps.</exception>
    public static IReadOnlyList<Level> Of(Asker asker, NetworkShape shape, IReadOnlyList<string> names, string role)
    {
        var chosen = names.Count > 0 ? names : [.. shape.Taps.Select(t => t.Name).Where(IsStage)];
        Level[] levels = [.. chosen.Select(name => new Level(name, Normed(shape, shape.Tap(name))))];
        if (levels.Any(level => level.Tap.Shape.Count != 3))
            throw asker.WrongShape(
                $"refines feature maps [channels, height, width], got {string.Join(", ", levels.Select(l => l.Tap))} of '{role}'.",
                "Name other taps in the option levels."
            );
        return levels;
    }

    /// <summary>The student's tap before its ReLU, where there is one; else the tap itself.</summary>
    public Tap SignedOf(NetworkShape shape) => shape.Taps.FirstOrDefault(t => t.Name == Signed) ?? Tap;

    private static Tap Normed(NetworkShape shape, Tap tap) =>
        tap.IsPreActivation ? shape.Taps.FirstOrDefault(t => t.Name == tap.Name + Before) ?? tap : tap;

    private static bool IsStage(string name) =>
        name.StartsWith("layer", StringComparison.Ordinal) && name.Length > 5 && name.Skip(5).All(char.IsAsciiDigit);
}
