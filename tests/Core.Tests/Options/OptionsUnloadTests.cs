using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using KdPlugins.Core.Tests.Support;
using Xunit;

namespace KdPlugins.Core.Tests.Options;

/// <summary>Whoever binds options of a plugin must let the plugin go afterwards.</summary>
public sealed class OptionsUnloadTests
{
    private static readonly string Plugin = Path.Combine(AppContext.BaseDirectory, "KdPlugins.Core.FSharpPlugin.dll");

    [Fact]
    public void Binding_failing_writing_and_describing_options_keep_no_load_context()
    {
        var context = UseAndUnload();

        for (var i = 0; i < 10 && context.IsAlive; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.False(context.IsAlive, "The load context is still alive after ten collections.");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference UseAndUnload()
    {
        var context = new AssemblyLoadContext("plugin", isCollectible: true);
        // Contracts come from the default context, as with the real loader.
        var assembly = context.LoadFromAssemblyPath(Plugin);
        Use(assembly);
        context.Unload();
        return new WeakReference(context);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Use(Assembly assembly)
    {
        var type = assembly.GetType("KdPlugins.Core.FSharpPlugin.MixOptions", throwOnError: true)!;
        Assert.NotSame(typeof(FSharpPlugin.MixOptions), type);
        var options = OptionsBinder.Bind(
            type,
            """{ "count": 8, "mode": "very-slow", "many": [ { "share": 1 } ], "modes": { "a": "fast" } }""",
            "x"
        );
        Assert.Contains("\"very-slow\"", OptionsBinder.ToJson(options), StringComparison.Ordinal);
        Assert.Throws<RecipeException>(() =>
            OptionsBinder.Bind(type, """{ "count": 3, "mode": "fsat", "x": 1 }""", "x")
        );
        Assert.Throws<RecipeException>(() => OptionsBinder.Bind(type, """{ "count": 6 }""", "x"));

        var catalog = SamplePlugins
            .Catalog()
            .With([.. assembly.GetExportedTypes().Where(t => t.Name.EndsWith("Loss", StringComparison.Ordinal))]);
        var recipe = SampleRecipes.Read(
            SampleRecipes.Full,
            catalog,
            "losses[0].id=f-sharp-mix",
            "losses[0].options={\"count\":4}"
        );
        using var loss = RecipePlugins.Create(catalog, PluginKind.Loss, recipe.Losses[0].Loss);
        Assert.Contains("\"count\":4", recipe.Losses[0].Loss.Options, StringComparison.Ordinal);
        Assert.Contains("loss.f-sharp-mix", RecipeSchema.Make(catalog), StringComparison.Ordinal);
    }
}
