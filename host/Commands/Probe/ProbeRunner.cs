using KdPlugins.Core;
using KdPlugins.Host.Commands.Plugins;
using KdPlugins.Host.Loading.Listing;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>Carries out a case: finds and configures the plugin, runs it, writes what it gives.</summary>
internal sealed class ProbeRunner(PluginHost host)
{
    private static readonly PluginKind[] Kinds =
    [
        PluginKind.Loss,
        PluginKind.Model,
        PluginKind.Augmentation,
        PluginKind.Generator,
    ];

    /// <summary>What a case gave; its tensors live as long as the current dispose scope.</summary>
    internal readonly record struct Result(PluginDescriptor Plugin, ProbeOutput Output, WrittenFile? File);

    /// <summary>The probe for a plugin.</summary>
    internal static PluginProbe For(IPluginInstance instance, ProbeInput input, ProbeSettings settings)
    {
        var who = Who(instance.Descriptor);
        return instance.Plugin switch
        {
            IDistillationLoss loss => new LossProbe(loss, who, input, settings),
            IModelPlugin model => new ModelProbe(model, who, input, settings),
            IAugmentation augmentation => new AugmentationProbe(augmentation, who, input, settings),
            IGenerator generator => new GeneratorProbe(generator, who, input, settings),
            _ => throw new InvalidOperationException($"{who} is of no kind that is probed."),
        };
    }

    /// <summary>Runs a case.</summary>
    /// <param name="one">What is run; its paths are taken as they are.</param>
    /// <param name="options">The plugin's options, or the formula's numbers: a JSON object.</param>
    /// <param name="where">Where the options stand, for messages.</param>
    /// <exception cref="KdException">KDP08xx, or what the plugin, the options or the files raise.</exception>
    internal Result Run(ProbeCase one, string options, string where)
    {
        if (one is { Input: not null, Output: not null } && Path.GetFullPath(one.Output) == Path.GetFullPath(one.Input))
            throw new KdException(CommandErrors.Usage, $"--output would overwrite the input {one.Input}.");
        using var instance = Create(one.Id, one.Kind, one.Formula is not null);
        var probe = one.Formula is null
            ? Configured(instance, one, options, where)
            : FormulaProbe.For(instance, one.Formula, options, where, ProbeInput.Read(one.Input), one.Settings);
        probe.Run();
        var written = one.Output is null ? null : probe.Output.Write(Path.GetFullPath(one.Output));
        return new(instance.Descriptor, probe.Output, written);
    }

    /// <summary>A plugin that can be probed, not yet configured.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="kind">Its kind, or null.</param>
    /// <param name="formulas">Whether its formulas are meant, which strategies have too.</param>
    internal IPluginInstance Create(string id, string? kind, bool formulas)
    {
        var all = host.Catalog.Plugins.Where(p => p.Id == id).Select(p => p.Kind).ToList();
        var found = all.Where(k =>
                (Kinds.Contains(k) || (formulas && k == PluginKind.Strategy))
                && (kind is null || PluginReport.Name(k) == kind)
            )
            .ToList();
        return found switch
        {
            [var one] => host.Catalog.Create(one, id),
            [] when all.Count == 0 => throw DescribeCommand.Unknown(host, id),
            [] => throw ProbeFault.Kind(
                $"'{id}' is a {string.Join(" and a ", all.Select(k => PluginReport.Name(k)))}"
                    + $"{(kind is null ? "" : $", not a {kind}")}; losses, models, augmentations and generators can be "
                    + "probed, and of strategies too their formulas, with --formula."
            ),
            _ => throw ProbeFault.Kind(
                $"'{id}' is the id of several plugins: {string.Join(", ", found.Select(k => PluginReport.Name(k)))}."
            ),
        };
    }

    /// <summary>Sets a plugin's options.</summary>
    internal static void Configure(IPluginInstance instance, string options, string where)
    {
        var bound = OptionsBinder.Bind(instance.Plugin.OptionsType, options, where);
        ProbeFault.Guard(
            $"'{instance.Descriptor.Id}'",
            () => "",
            () =>
            {
                instance.Plugin.Configure(bound);
                return true;
            }
        );
    }

    internal static string Who(PluginDescriptor plugin) => $"{PluginReport.Name(plugin.Kind)} '{plugin.Id}'";

    private static PluginProbe Configured(IPluginInstance instance, ProbeCase one, string options, string where)
    {
        Configure(instance, options, where);
        return For(instance, ProbeInput.Read(one.Input), one.Settings);
    }
}
