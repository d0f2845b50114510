using System.CommandLine;
using System.Text.Json.Nodes;
using KdPlugins.Core;
using KdPlugins.Host.Commands.Plugins;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>kd probe ID.</summary>
internal static class ProbeCommand
{
    private static readonly PluginKind[] Kinds = [PluginKind.Loss, PluginKind.Model, PluginKind.Augmentation];

    internal static Command Make(Screen screen)
    {
        var id = new Argument<string>("ID") { Description = "The id of a loss, a model or an augmentation." };
        var input = File("--input", "The tensors to run it on (.safetensors, .pth).");
        var output = File("--output", "Where to write what it gives, as safetensors. Default: it is only shown.");
        var options = new Option<string?>("--options")
        {
            Description = "Its options: a JSON object, or a file that holds one.",
            HelpName = "JSON",
        };
        var kind = new Option<string?>("--kind")
        {
            Description = "Which one, where plugins of several kinds have the id.",
        };
        kind.AcceptOnlyFromAmong([.. Kinds.Select(k => PluginReport.Name(k))]);
        var mode = new Option<string>("--mode")
        {
            Description = "train, or eval.",
            DefaultValueFactory = _ => ProbeSettings.Train,
        };
        mode.AcceptOnlyFromAmong(ProbeSettings.Train, ProbeSettings.Eval);
        var seed = new Option<long>("--seed")
        {
            Description = "The root of all that is drawn: parameters that are not given, augmentations, dropout.",
            DefaultValueFactory = _ => 1,
        };
        var list = new Option<bool>("--list")
        {
            Description = "Lists the tensors that it takes instead; with --input its parameters too.",
        };
        var (plugins, threads) = (CommonOptions.Plugins(), CommonOptions.Threads());
        var command = new Command("probe", "Runs a loss, a model or an augmentation on given tensors, with gradients.")
        {
            id,
            input,
            output,
            options,
            kind,
            mode,
            seed,
            list,
            plugins,
            threads,
        };
        command.SetAction(parsed =>
        {
            using var host = PluginHost.Load(parsed.GetValue(plugins));
            using var instance = Create(host, parsed.GetRequiredValue(id), parsed.GetValue(kind));
            Configure(instance, parsed.GetValue(options));
            host.StartTorch(parsed.GetValue(threads) ?? 0);
            var settings = new ProbeSettings(parsed.GetValue(mode)!, parsed.GetValue(seed));
            using var scope = NewDisposeScope();
            if (parsed.GetValue(list))
                return ProbeList.Show(screen, instance, parsed.GetValue(input), settings);
            var file =
                parsed.GetValue(input)
                ?? throw new KdException(
                    CommandErrors.Usage,
                    "Option '--input' is required, or '--list' instead of it."
                );
            return Probe(screen, instance, file, parsed.GetValue(output), settings);
        });
        return command;

        static Option<string?> File(string name, string description) =>
            new(name) { Description = description, HelpName = "FILE" };
    }

    /// <summary>The probe for a plugin.</summary>
    internal static PluginProbe For(IPluginInstance instance, ProbeInput input, ProbeSettings settings)
    {
        var who = $"{PluginReport.Name(instance.Descriptor.Kind)} '{instance.Descriptor.Id}'";
        return instance.Plugin switch
        {
            IDistillationLoss loss => new LossProbe(loss, who, input, settings),
            IModelPlugin model => new ModelProbe(model, who, input, settings),
            IAugmentation augmentation => new AugmentationProbe(augmentation, who, input, settings),
            _ => throw new InvalidOperationException($"{who} is of no kind that is probed."),
        };
    }

    private static int Probe(
        Screen screen,
        IPluginInstance instance,
        string input,
        string? output,
        ProbeSettings settings
    )
    {
        if (output is not null && Path.GetFullPath(output) == Path.GetFullPath(input))
            throw new KdException(CommandErrors.Usage, $"--output would overwrite the input {input}.");
        var probe = For(instance, ProbeInput.Read(input), settings);
        probe.Run();
        var written = output is null ? null : probe.Output.Write(Path.GetFullPath(output));
        screen.Tell(
            () => probe.Output.Json(instance.Descriptor, settings, written),
            () => probe.Output.Text(instance.Descriptor, settings, written)
        );
        return ExitCodes.Done;
    }

    private static IPluginInstance Create(PluginHost host, string id, string? kind)
    {
        var all = host.Catalog.Plugins.Where(p => p.Id == id).Select(p => p.Kind).ToList();
        var found = all.Where(k => Kinds.Contains(k) && (kind is null || PluginReport.Name(k) == kind)).ToList();
        return found switch
        {
            [var one] => host.Catalog.Create(one, id),
            [] when all.Count == 0 => throw DescribeCommand.Unknown(host, id),
            [] => throw ProbeFault.Kind(
                $"'{id}' is a {string.Join(" and a ", all.Select(k => PluginReport.Name(k)))}"
                    + $"{(kind is null ? "" : $", not a {kind}")}; losses, models and augmentations can be probed."
            ),
            _ => throw ProbeFault.Kind(
                $"'{id}' is the id of several plugins: {string.Join(", ", found.Select(k => PluginReport.Name(k)))}."
            ),
        };
    }

    private static void Configure(IPluginInstance instance, string? options)
    {
        var (text, where) = options switch
        {
            null => ("{}", "--options"),
            _ when options.TrimStart().StartsWith('{') => (options, "--options"),
            _ => (PlainFile.ReadText(options, 1 << 20), options),
        };
        var bound = OptionsBinder.Bind(instance.Plugin.OptionsType, text, where);
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
}

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
                _ => AugmentationProbe.Accepts,
            },
        ];
        if (input is null)
            all.Add(new("parameters.NAME", "as the plugin has it", false, "a parameter; add --input to list them"));
        else
        {
            var probe = ProbeCommand.For(instance, ProbeInput.Read(input), settings);
            probe.Prepare();
            all.AddRange(probe.State);
        }
        screen.Tell(() => Json(instance.Descriptor, all), () => Text(all));
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
