using System.Composition.Hosting;
using System.Text.RegularExpressions;
using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

/// <summary>The checks that every kind of plugin has, and what the checks of one kind are made from.</summary>
internal abstract class PartChecks<T, TContract>(PluginKind kind, ConformanceSettings settings)
    where T : class, TContract, new()
    where TContract : class, IPlugin
{
    protected static readonly RandomKey Key = new(20_240_229);

    /// <summary>Every check; those that all kinds have come first.</summary>
    internal IReadOnlyList<ConformanceCheck> All() =>
        [Check("composition", Composition), Check("options", OptionsBind), Check("calls", Calls), .. Own()];

    protected abstract IEnumerable<ConformanceCheck> Own();

    protected static ConformanceCheck Check(string name, Func<string> body) => new(typeof(T).Name, name, body);

    protected static ConformanceCheck Check(string name, Action body) =>
        Check(
            name,
            () =>
            {
                body();
                return "";
            }
        );

    protected static ConformanceException Fail(string message) => new(message);

    /// <summary>A new instance with the settings' options.</summary>
    protected T New()
    {
        var plugin = new T();
        plugin.Configure(settings.Options ?? Activator.CreateInstance(plugin.OptionsType)!);
        return plugin;
    }

    protected string Id => Descriptor().Id;

    protected string OptionsJson =>
        OptionsBinder.ToJson(settings.Options ?? Activator.CreateInstance(new T().OptionsType)!);

    /// <summary>The plugin, the kit's and those of the settings.</summary>
    protected TestCatalog Catalog => new([.. Plugins]);

    private IReadOnlyList<Type> Plugins => [typeof(T), .. KitParts.Types, .. settings.Plugins];

    private static PluginDescriptor Descriptor() =>
        new TestCatalog(typeof(T)).Plugins switch
        {
            [var one] => one,
            [] => throw Fail("it carries no attribute of the Sdk, such as [KdLoss(\"my-loss\")], so no host finds it."),
            var many => throw Fail($"it carries {many.Count} attributes of the Sdk; a class is one plugin."),
        };

    // What the loader does: metadata first, then a container of MEF with this part.
    private void Composition()
    {
        var found = Descriptor();
        if (found.Kind != kind)
            throw Fail($"its attribute exports it as {found.Kind}, and it is checked as {kind}.");
        if (!typeof(T).IsVisible)
            throw Fail("the class is not public.");
        if (!Regex.IsMatch(found.Id, "^[a-z0-9]+(-[a-z0-9]+)*$"))
            throw Fail($"its id '{found.Id}' is not kebab-case, such as 'mosaic-kd'.");
        if (!Version.TryParse(found.Version, out var version) || version.Build < 0)
            throw Fail($"its version '{found.Version}' is not major.minor.patch.");
        if (typeof(T).GetConstructors().Length == 0)
            throw Fail("it has no public constructor.");
        using var container = new ContainerConfiguration().WithPart<T>().CreateContainer();
        var exports = container.GetExports<TContract>().ToList();
        if (exports.Count != 1)
            throw Fail($"a container finds {exports.Count} exports of {typeof(TContract).Name} in it, not one.");
    }

    private void OptionsBind()
    {
        var type = new T().OptionsType;
        var options = settings.Options;
        if (options is not null && options.GetType() != type)
            throw Fail($"its options are {type.Name}, and the settings give {options.GetType().Name}.");
        // Where the settings give none, no option may be required.
        var text = OptionsBinder.ToJson(options ?? OptionsBinder.Bind(type, "{}", "{}"));
        var back = OptionsBinder.ToJson(OptionsBinder.Bind(type, text, "its own options"));
        if (text != back)
            throw Fail($"its options do not come back from JSON as they were: {text} became {back}.");
        new T().Configure(OptionsBinder.Bind(type, text, "its own options"));
    }

    private void Calls()
    {
        if (ForbiddenCalls.First(typeof(T), kind, settings.AllowedCalls) is { } problem)
            throw Fail(problem);
    }

    /// <summary>Fails where the action moves libtorch's default generator, or depends on where that stands.</summary>
    protected void KeepsGlobalGenerator(Action action)
    {
        if (settings.DrawsFromTorch)
            return;
        using var scope = RandomScope.Use(7);
        var before = Generator.Default.get_state();
        action();
        if (!Tensors.Same(before, Generator.Default.get_state()))
            throw Fail(
                "it draws from libtorch's default generator, whose state other code shares. Draw from context.Random: "
                    + "SeededRandom, or NewGenerator for tensors."
            );
    }

    /// <summary>Fails where the number of live tensors grows with every call; each call has its own scope.</summary>
    protected static void KeepsMemory(Action<int> action)
    {
        const int Warm = 4;
        const int Calls = 16;
        var before = 0L;
        for (var i = 0; i < Calls; i++)
        {
            using (NewDisposeScope())
                action(i);
            if (i == Warm - 1)
                before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        }
        var more = DisposeScopeManager.Statistics.ThreadTotalLiveCount - before;
        if (more > 0)
            throw Fail(
                $"{more} more tensors are alive after {Calls - Warm} further calls. What is kept beyond a step belongs into a "
                    + "module's buffer that is overwritten in place."
            );
    }

    /// <summary>Fails where the part's module has two names for one thing.</summary>
    protected static string Names(nn.Module? module)
    {
        if (module is null)
            return "it has no module.";
        ModuleNames.Verify(module);
        return "";
    }

    /// <summary>Runs a step's work under a scope that the engine would open, with its seeding of dropout.</summary>
    protected TResult Seeded<TResult>(RandomKey key, Func<TResult> action)
    {
        using var scope = settings.DrawsFromTorch ? RandomScope.Use(key.Derive("torch").Value) : null;
        return action();
    }

    protected static string NoCuda() =>
        NativeRuntime.Start().CudaAvailable ? "" : "no CUDA device is here to compare the CPU with.";

    /// <summary>
    /// Runs a recipe in sittings, each as a process of its own would: new networks and optimisers, and plugins whose static
    /// fields begin anew. What the engine makes between a step's draws may not draw. Gives the number of sittings.
    /// </summary>
    protected int InSittings(RecipeRun run, string recipe, string name, int stepsPerSitting)
    {
        var before = DrawCheck.Enabled;
        DrawCheck.Enabled = true;
        try
        {
            return run.Pieces(recipe, name, stepsPerSitting, 0, Plugins).Sittings;
        }
        finally
        {
            DrawCheck.Enabled = before;
        }
    }

    /// <summary>Fails where a run in sittings ends otherwise than the uninterrupted one.</summary>
    protected void Resumes(string recipe, string file, int stepsPerSitting)
    {
        using var run = new RecipeRun(Catalog);
        run.Whole(recipe, "whole");
        var sittings = InSittings(run, recipe, "pieces", stepsPerSitting);
        if (sittings < 2)
            throw Fail($"the run was over within {stepsPerSitting} steps: nothing was resumed. Give a longer recipe.");
        if (run.Sha256("whole", file) != run.Sha256("pieces", file))
            throw Fail(
                $"{file} of a run in {sittings} sittings differs from that of the uninterrupted run. State that steps "
                    + "change belongs into Module or context.State, and randomness into the context's key."
            );
    }
}
