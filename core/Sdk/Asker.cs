using System.Composition;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Sdk;

/// <summary>
/// Who needs something: kind and id of a plugin, as in <c>Loss 'kd'</c>. Every refusal of the plugin begins with it.
/// </summary>
/// <remarks>What plugins refuse alike are its extensions <see cref="LossChecks"/> and <see cref="DataChecks"/>.</remarks>
public sealed class Asker
{
    private readonly string _kind;

    private Asker(string kind, string id) => (_kind, Id) = (kind, id);

    /// <summary>The plugin's id in recipes.</summary>
    public string Id { get; }

    /// <summary>The plugin of a class, by its attribute; a class without one goes by its own name.</summary>
    /// <param name="plugin">The plugin's class.</param>
    public static Asker Of(Type plugin) =>
        plugin.GetCustomAttributes(typeof(ExportAttribute), false).FirstOrDefault() switch
        {
            KdAugmentationAttribute found => new("Augmentation", found.Id),
            KdLossAttribute found => new("Loss", found.Id),
            KdGeneratorAttribute found => new("Generator", found.Id),
            KdStrategyAttribute found => new("Strategy", found.Id),
            KdModelAttribute found => new("Model", found.Id),
            KdDatasetAttribute found => new("Data set", found.Id),
            KdMeterAttribute found => new("Meter", found.Id),
            KdToolAttribute found => new("Tool", found.Id),
            _ => new("Plugin", plugin.Name),
        };

    /// <summary>Such as <c>Loss 'kd'</c>.</summary>
    public override string ToString() => $"{_kind} '{Id}'";

    /// <summary>The refusal, to be thrown.</summary>
    /// <param name="code">Its entry in the catalogue.</param>
    /// <param name="what">What follows the plugin's name: "needs ..., got ...".</param>
    /// <param name="remedy">What to do; null for the catalogue's.</param>
    public KdException Refusal(ErrorCode code, string what, string? remedy = null) =>
        new(code, $"{this} {what}", remedy);

    /// <summary>The refusal of shapes (<c>KDP0303</c>), to be thrown.</summary>
    /// <param name="what">What follows the plugin's name: "needs ..., got ...".</param>
    /// <param name="remedy">What to do; null for the catalogue's.</param>
    public KdException WrongShape(string what, string? remedy = null) => Refusal(CoreErrors.ShapesDiffer, what, remedy);

    /// <summary>The refusal of what has no meaning together (<c>KDP0306</c>), to be thrown.</summary>
    /// <param name="what">What follows the plugin's name: "needs ..., got ...".</param>
    /// <param name="remedy">What to do; null for the catalogue's.</param>
    public KdException WrongCombination(string what, string? remedy = null) =>
        Refusal(CoreErrors.WrongCombination, what, remedy);

    /// <summary>What the plugin made when it was bound.</summary>
    /// <param name="made">Null before that.</param>
    /// <exception cref="KdException"><c>KDP0307</c>: it was not bound.</exception>
    public T Bound<T>(T? made)
        where T : class => made ?? throw Refusal(CoreErrors.NotConfigured, "was used before it was bound.");
}
