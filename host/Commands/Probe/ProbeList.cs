using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Loading.Listing;
using KdPlugins.Host.Texts;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>kd probe ID --list.</summary>
internal static class ProbeList
{
    internal static int Show(Screen screen, IPluginInstance instance, string? input, ProbeSettings settings)
    {
        List<ProbeTensor> all =
        [
            .. instance.Plugin switch
            {
                IDistillationLoss loss => LossProbe.Accepts(loss),
                IModelPlugin => ModelProbe.Accepts,
                IGenerator => GeneratorProbe.Accepts,
                _ => AugmentationProbe.Accepts,
            },
        ];
        if (instance.Plugin is IAugmentation)
            all.Add(new("drawn.ID.NAME", "as recorded", false, "stands in place of what it would draw"));
        else if (input is null)
            all.Add(new("parameters.NAME", "as the plugin has it", false, "a parameter; add --input to list them"));
        else
        {
            var probe = ProbeRunner.For(instance, ProbeInput.Read(input), settings);
            probe.Prepare();
            all.AddRange(probe.State);
        }
        screen.Tell(() => Json(instance.Descriptor, all), () => Text(all));
        return ExitCodes.Done;
    }

    /// <summary>Shows a plugin's formulas with what each takes.</summary>
    internal static int Show(Screen screen, PluginDescriptor plugin, IReadOnlyList<Formula> formulas)
    {
        screen.Tell(
            () =>
                new()
                {
                    ["event"] = "probe-formulas",
                    ["kind"] = PluginReport.Name(plugin.Kind),
                    ["id"] = plugin.Id,
                    ["formulas"] = new JsonArray([
                        .. formulas.Select(f => new JsonObject
                        {
                            ["name"] = f.Name,
                            ["takes"] = f.Signature,
                            ["description"] = f.Description,
                        }),
                    ]),
                },
            () =>
            {
                var table = new TextTable("formula", "takes", "what it is");
                foreach (var f in formulas)
                    table.Add(f.Name, f.Signature, f.Description);
                return table.ToString();
            }
        );
        return ExitCodes.Done;
    }

    private static string Text(List<ProbeTensor> all)
    {
        var table = new TextTable("tensor", "form", "needed", "meaning");
        foreach (var t in all)
            table.Add(t.Name, t.Form, t.IsRequired ? "yes" : "", t.Meaning);
        return table.ToString();
    }

    private static JsonObject Json(PluginDescriptor plugin, List<ProbeTensor> all) =>
        new()
        {
            ["event"] = "probe-inputs",
            ["kind"] = PluginReport.Name(plugin.Kind),
            ["id"] = plugin.Id,
            ["tensors"] = new JsonArray([
                .. all.Select(t => new JsonObject
                {
                    ["name"] = t.Name,
                    ["form"] = t.Form,
                    ["required"] = t.IsRequired,
                    ["meaning"] = t.Meaning,
                }),
            ]),
        };
}
