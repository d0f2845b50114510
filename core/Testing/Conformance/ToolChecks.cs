using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using KdPlugins.Core;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;

namespace KdPlugins.Testing;

internal sealed class ToolChecks<T>(ToolSettings settings) : PartChecks<T, ITool>(PluginKind.Tool, settings)
    where T : class, ITool, new()
{
    // Every command of the host has these.
    private static readonly string[] Taken = ["set", "plugins", "threads", "json", "verbose", "help"];

    protected override IEnumerable<ConformanceCheck> Own() =>
        [
            Check("option names", OptionNames),
            Check("result", Result),
            Check("determinism", Determinism),
            Check("cancelled", Cancelled),
            Check("wrong recipe", WrongRecipe),
            Check("global generator", () => KeepsGlobalGenerator(() => Run(Tools))),
        ];

    private void OptionNames()
    {
        var names = new T()
            .OptionsType.GetProperties()
            .Select(p => JsonNamingPolicy.KebabCaseLower.ConvertName(p.Name));
        if (names.FirstOrDefault(Taken.Contains) is { } taken)
            throw Fail($"its option '--{taken}' is one that every command has.");
    }

    private void Result()
    {
        var said = Run(Tools);
        foreach (var output in said)
        {
            if (!Regex.IsMatch(output.Name, "^[a-z0-9]+(-[a-z0-9]+)*$"))
                throw Fail($"what it says is called '{output.Name}', which is not kebab-case, such as 'ranking'.");
            if (output.Values.ContainsKey("event"))
                throw Fail($"its '{output.Name}' has a value 'event', which is where programs find its name.");
        }
        var result = said[^1];
        if (result.Table is null && string.IsNullOrWhiteSpace(result.Text))
            throw Fail("its result has neither text nor a table: people would see nothing.");
        if (result.Values.Count == 0)
            throw Fail("its result has no values: programs would see nothing.");
    }

    private void Determinism()
    {
        var (first, second) = (Run(Tools), Run(Tools));
        if (!first.Select(Text).SequenceEqual(second.Select(Text)))
            throw Fail(
                "asked twice it says different things. Draw from the run's key or a step's, and take the time from the context's "
                    + "Clock."
            );
    }

    private void Cancelled()
    {
        using var stop = new CancellationTokenSource();
        stop.Cancel();
        try
        {
            Run(Tools, session => session.Cancellation = stop.Token);
        }
        catch (OperationCanceledException)
        {
            return;
        }
        throw Fail("it was cancelled before it began, and gave a result: let OperationCanceledException pass.");
    }

    // Networks that nobody has trained are refused, and nothing else is to come of it.
    private void WrongRecipe()
    {
        try
        {
            Run(run => run.Tools(KitParts.Recipe()), _ => { });
        }
        catch (KdException error)
        {
            if (error.Code == PluginErrors.Failed)
                throw Fail($"of a recipe without weights it raises what is no KdException. {error.Detail}");
        }
    }

    private static string Text(ToolOutput output) => $"{output.Name} {output.Values.ToJsonString()} {output.Text}";

    private List<ToolOutput> Run(Func<RecipeRun, ToolSession> tools) => Run(tools, _ => { });

    private List<ToolOutput> Run(Func<RecipeRun, ToolSession> tools, Action<ToolSession> with)
    {
        using var run = new RecipeRun(Catalog);
        var session = tools(run);
        List<ToolOutput> said = [];
        session.Told = said.Add;
        session.Clock = new StillClock();
        with(session);
        said.Add(session.Run(Id, OptionsJson));
        return said;
    }

    private ToolSession Tools(RecipeRun run)
    {
        if (settings.Recipe is { } own)
            return run.Tools(own);
        var recipe = JsonNode.Parse(KitParts.Recipe())!;
        foreach (var (role, width) in (ReadOnlySpan<(string, int)>)[(Roles.Teacher, 8), (Roles.Student, 4)])
        {
            var options = new KitNetOptions { Width = width };
            var request = new ModelRequest([3, 8, 8], 4, Stubs.Data([3, 8, 8], 4));
            using var random = RandomScope.Use((ulong)width);
            using var module = Stubs.Plugin<KitNet>(options).Create(request).Module;
            ModuleWeights.Save(module, run.Path($"{role}.safetensors"), new Dictionary<string, string>());
            recipe["models"]![role]!["weights"] = $"{role}.safetensors";
        }
        return run.Tools(recipe.ToJsonString());
    }

    private sealed class StillClock : TimeProvider
    {
        public override long GetTimestamp() => 0;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch;
    }
}
