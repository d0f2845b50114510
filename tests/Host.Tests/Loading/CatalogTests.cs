using KdPlugins.Core;
using KdPlugins.Host.Loading;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Torch;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>The catalogue over several folders.</summary>
public sealed class CatalogTests : IDisposable
{
    private readonly PluginRoot _root = new();

    public void Dispose() => _root.Dispose();

    private static string Versioned(string id, string version) =>
        PluginCompiler.Loss(id, arguments: $", Version = \"{version}\"");

    [Fact]
    public void An_empty_folder_and_an_absent_one_have_no_plugins()
    {
        Assert.Empty(_root.Load().Plugins);
        var absent = FolderPluginCatalog.Load(_root.At("absent"));
        Assert.Equal($"{_root.At("absent")} does not exist.", Assert.Single(absent.Findings).Detail);
        Assert.Equal(
            $"KDP0201 There is no loss 'kd' in {_root.Path}. Correct the id, or put the plugin into the plugin folder.",
            _root.Load().Refused(PluginKind.Loss, "kd").Message
        );
    }

    [Fact]
    public void An_unknown_id_is_answered_with_the_nearest_and_with_the_kind_it_has()
    {
        _root.Add("One", PluginCompiler.Loss("mosaic") + PluginCompiler.Loss("far-away", name: "Far"));
        var catalog = _root.Load();
        Assert.Contains("There is no loss 'mosiac' in", catalog.Refused(PluginKind.Loss, "mosiac").Message);
        Assert.Contains("Did you mean 'mosaic'?", catalog.Refused(PluginKind.Loss, "mosiac").Message);
        Assert.Contains("'mosaic' is a loss.", catalog.Refused(PluginKind.Strategy, "mosaic").Message);
        Assert.Throws<KdException>(() => catalog.Explain("mosiac"));
    }

    [Fact]
    public void A_refused_plugin_is_named_with_its_reason_where_somebody_asks_for_it()
    {
        _root.Add(
            "One",
            PluginCompiler.Compile("One", PluginCompiler.Loss("one"), framework: ".NETStandard,Version=v2.0")
        );
        _root.Write("Broken/Broken.dll", "");
        var message = _root.Load().Refused(PluginKind.Loss, "one").Message;
        Assert.Contains("The one in 'One' is refused: KDP0105 One.dll is for .NETStandard,Version=v2.0", message);
        Assert.Contains("Folder 'Broken' was refused: KDP0102", message);
    }

    [Fact]
    public void Of_two_folders_with_one_id_the_higher_version_is_used_then_the_first_path()
    {
        _root
            .Add("A", Versioned("same", "1.2.0"))
            .Add("B", Versioned("same", "1.10.0"))
            .Add("C", Versioned("same", "1.10.0"));
        var catalog = _root.Load();
        Assert.Equal("B", Assert.Single(catalog.Plugins).Assembly);
        Assert.Equal(
            [PluginState.Superseded, PluginState.Active, PluginState.Superseded],
            catalog.Folders.Select(f => f.State)
        );
        Assert.StartsWith(
            "KDP0112 loss 'same' 1.2.0 in 'A' is not used: 'B' has 1.10.0.",
            catalog.Statuses[0].Reason!.ToString()
        );
    }

    [Fact]
    public void A_newer_duplicate_that_fails_leaves_the_older_one_in_use()
    {
        _root
            .Add("Old", Versioned("same", "1.0.0"))
            .Add(
                "New",
                PluginCompiler.Loss("same", "public MyLoss() { throw new Exception(); }", ", Version = \"2.0.0\"")
            );
        Assert.Equal("1.0.0", Assert.Single(_root.Load().Plugins).Version);
    }

    [Fact]
    public void One_id_may_belong_to_plugins_of_several_kinds()
    {
        _root.Add(
            "One",
            PluginCompiler.Loss("kd")
                + "[KdAugmentation(\"kd\")] public class A : Augmentation<NoOptions> { public override Batch Apply(Batch b, IPartContext c) => b; }"
        );
        Assert.Equal([PluginKind.Augmentation, PluginKind.Loss], _root.Load().Plugins.Select(p => p.Kind));
    }

    [Fact]
    public void Files_that_lie_loose_are_mentioned() =>
        Assert.Contains(
            "Loose.dll lies loose in the plugin folder",
            Assert.Single(_root.Write("Loose.dll", "x").Load().Findings).Detail
        );

    [Fact]
    public void Every_instance_is_new_and_disposing_it_disposes_the_part()
    {
        AppContext.SetData("kd.test.disposed", new List<string>());
        _root.Add(
            "One",
            """
            [KdLoss("one")] public sealed class X : DistillationLoss<NoOptions>, IDisposable {
                public override Tensor Compute(ILossContext c) => null!;
                public void Dispose() => ((List<string>)AppContext.GetData("kd.test.disposed")!).Add("gone");
            }
            """
        );
        var catalog = _root.Load();
        var disposed = (List<string>)AppContext.GetData("kd.test.disposed")!;
        disposed.Clear();
        var first = catalog.Create(PluginKind.Loss, "one");
        using var second = catalog.Create(PluginKind.Loss, "one");
        Assert.NotSame(first.Plugin, second.Plugin);
        first.Dispose();
        first.Dispose();
        Assert.Equal(["gone"], disposed);
        Assert.Throws<ObjectDisposedException>(() => first.Plugin);
    }

    [Fact]
    public void A_constructor_that_fails_later_is_said_as_such()
    {
        _root.Add(
            "One",
            PluginCompiler.Loss(
                "one",
                "static int n; public MyLoss() { if (n++ > 0) throw new Exception(\"second\"); }"
            )
        );
        var message = _root.Load().Refused(PluginKind.Loss, "one").Message;
        Assert.StartsWith("KDP0115 plugin 'one' (MyLoss): Exception: second.", message);
    }

    [Fact]
    public void Libtorch_is_started_once_and_only_for_a_plugin_that_composes()
    {
        var starts = 0;
        var options = new LoaderOptions { BeforeFirstInstance = () => starts++ };
        _root.Write("Broken/Broken.dll", "");
        _root.Load(options);
        Assert.Equal(0, starts);
        _root.Add("One", PluginCompiler.Loss("one")).Add("Two", PluginCompiler.Loss("two"));
        _root.Load(options);
        Assert.Equal(1, starts);
    }

    [Fact]
    public void Catalogs_load_in_parallel()
    {
        foreach (var i in Enumerable.Range(0, 4))
            _root.Add($"P{i}", PluginCompiler.Loss($"p{i}"));
        Parallel.For(
            0,
            8,
            new() { MaxDegreeOfParallelism = 4 },
            _ =>
            {
                using var catalog = FolderPluginCatalog.Load(_root.Path);
                Assert.Equal(["p0", "p1", "p2", "p3"], catalog.Plugins.Select(p => p.Id));
                foreach (var plugin in catalog.Plugins)
                    catalog.Create(plugin.Kind, plugin.Id).Dispose();
            }
        );
    }

    [Fact]
    public void After_the_unloading_nothing_can_be_created()
    {
        _root.Add("One", PluginCompiler.Loss("one"));
        var catalog = _root.Load();
        var first = catalog.Unload();
        Assert.Same(first, catalog.Unload());
        Assert.Empty(catalog.Plugins);
        Assert.Equal(PluginState.Unloaded, catalog.Status("one").State);
        Assert.Contains("is unloaded", catalog.Refused(PluginKind.Loss, "one").Message);
    }

    [Fact]
    public void Every_entry_of_the_catalogue_of_errors_has_its_own_code() =>
        Assert.Equal(HostErrors.All.Select((_, i) => $"KDP01{i + 1:D2}"), HostErrors.All.Select(e => e.Id));
}
