using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.Sdk;

/// <summary>For plugins that have no options.</summary>
public sealed record NoOptions;

/// <summary>What the bases of all plugins share: the options, and how they refuse.</summary>
/// <typeparam name="TOptions">
/// The options: a class or record whose public properties are bound from the recipe, validated by their DataAnnotations,
/// and whose initial values are the defaults.
/// </typeparam>
public abstract class Plugin<TOptions> : IPlugin
    where TOptions : class, new()
{
    private TOptions? _options;
    private Asker? _asker;

    /// <summary>This plugin's kind and id, with which its refusals begin.</summary>
    protected Asker Asker => _asker ??= Asker.Of(GetType());

    /// <summary>The options of this instance.</summary>
    /// <exception cref="KdException"><c>KDP0307</c>: read before the host has set them, as in a constructor.</exception>
    protected TOptions Options =>
        _options
        ?? throw new KdException(CoreErrors.NotConfigured, $"{GetType().Name} read its options before they were set.");

    Type IPlugin.OptionsType => typeof(TOptions);

    void IPlugin.Configure(object options)
    {
        _options = (TOptions)options;
        OnConfigured();
    }

    /// <summary>Called when the options are set; for checks that span several options.</summary>
    protected virtual void OnConfigured() { }
}
