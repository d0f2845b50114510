using System.CommandLine;
using System.CommandLine.Parsing;
using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>kd probe ID.</summary>
internal static class ProbeCommand
{
    internal static Command Make(Screen screen)
    {
        var id = new Argument<string?>("ID")
        {
            Description = "The id of a loss, a model, an augmentation or a generator; with --formula of any plugin.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var batch = File("--batch", "Runs many cases instead, a JSON object per line, and writes a line for each.");
        var input = File("--input", "The tensors to run it on (.safetensors, .pth).");
        var output = File("--output", "Where to write what it gives, as safetensors. Default: it is only shown.");
        var options = new Option<string?>("--options")
        {
            Description = "Its options, or a formula's numbers: a JSON object, or a file that holds one.",
            HelpName = "JSON",
        };
        var kind = new Option<string?>("--kind")
        {
            Description = "Which one, where plugins of several kinds have the id.",
        };
        kind.AcceptOnlyFromAmong("loss", "model", "augmentation", "generator", "strategy");
        var formula = new Option<string?>("--formula")
        {
            Description = "Runs a formula that the plugin's method is made of instead; --list names a strategy's.",
            HelpName = "NAME",
        };
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
        var strict = new Option<bool>("--strict")
        {
            Description = "Every parameter and buffer has to be given; none is drawn from the seed.",
        };
        var list = new Option<bool>("--list")
        {
            Description = "Lists the tensors that it takes instead; with --input its parameters too.",
        };
        var (plugins, threads) = (CommonOptions.Plugins(), CommonOptions.Threads());
        var command = new Command(
            "probe",
            "Runs a loss, a model, an augmentation, a generator or a formula on given tensors, with gradients."
        )
        {
            id,
            input,
            output,
            options,
            kind,
            formula,
            mode,
            seed,
            strict,
            batch,
            list,
            plugins,
            threads,
        };
        command.SetAction(parsed =>
        {
            using var host = PluginHost.Load(parsed.GetValue(plugins));
            var runner = new ProbeRunner(host);
            using var scope = NewDisposeScope();
            if (parsed.GetValue(batch) is { } cases)
            {
                if (Given([id, input, output, options, kind, formula, mode, seed, strict, list]) is { } other)
                    throw Usage($"--batch goes without {other}: every case says it for itself.");
                host.StartTorch(parsed.GetValue(threads) ?? 0);
                return new ProbeBatch(runner, screen, cases).Run();
            }
            var (text, where) = OptionsText(parsed.GetValue(options));
            var one = new ProbeCase
            {
                Id = parsed.GetValue(id) ?? throw Usage("Name a plugin, or give --batch."),
                Kind = parsed.GetValue(kind),
                Formula = parsed.GetValue(formula),
                Input = parsed.GetValue(input),
                Output = parsed.GetValue(output),
                Mode = parsed.GetValue(mode)!,
                Seed = parsed.GetValue(seed),
                Strict = parsed.GetValue(strict),
            };
            if (one.Input is null && one.Formula is null && !parsed.GetValue(list))
                throw Usage("Option '--input' is required, or '--list' instead of it.");
            host.StartTorch(parsed.GetValue(threads) ?? 0);
            if (parsed.GetValue(list))
                return List(runner, one, text, where);
            var result = runner.Run(one, text, where);
            screen.Tell(
                () => result.Output.Json(result.Plugin, one, result.File),
                () => result.Output.Text(result.Plugin, one, result.File)
            );
            return ExitCodes.Done;

            string? Given(Symbol[] symbols) =>
                symbols
                    .FirstOrDefault(s =>
                        parsed.GetResult(s) is OptionResult { Implicit: false } or ArgumentResult { Tokens.Count: > 0 }
                    )
                    ?.Name;
        });
        return command;

        static Option<string?> File(string name, string description) =>
            new(name) { Description = description, HelpName = "FILE" };

        int List(ProbeRunner runner, ProbeCase one, string text, string where)
        {
            using var instance = runner.Create(one.Id, one.Kind, formulas: true);
            if (instance.Plugin is IDistillationStrategy)
                return ProbeList.Show(screen, instance.Descriptor, Formula.Of(instance));
            ProbeRunner.Configure(instance, text, where);
            return ProbeList.Show(screen, instance, one.Input, one.Settings);
        }
    }

    private static KdException Usage(string detail) => new(CommandErrors.Usage, detail);

    private static (string Text, string Where) OptionsText(string? options) =>
        options switch
        {
            null => ("{}", "--options"),
            _ when options.TrimStart().StartsWith('{') => (options, "--options"),
            _ => (PlainFile.ReadText(options, 1 << 20), options),
        };
}
