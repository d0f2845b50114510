using System.Xml.Linq;

namespace KdPlugins.Architecture.Tests;

/// <summary>Arrows point down only: host -> Sdk -> Core -> Torch, and plugins -> Sdk with what it passes on.</summary>
public sealed class LayerTests
{
    private static readonly string[] Contracts = ["KdPlugins.Core", "KdPlugins.Sdk", "KdPlugins.Torch"];

    [Theory]
    [InlineData("KdPlugins.Torch.dll")]
    [InlineData("KdPlugins.Core.dll", "KdPlugins.Torch")]
    [InlineData("KdPlugins.Sdk.dll", "KdPlugins.Core", "KdPlugins.Torch")]
    [InlineData("KdPlugins.Student.dll")]
    [InlineData("kd.dll", "KdPlugins.Core", "KdPlugins.Sdk", "KdPlugins.Student", "KdPlugins.Torch")]
    public void A_room_references_only_what_lies_below(string assembly, params string[] below) =>
        Assert.Empty(Repository.OwnReferences(Path.Combine(Repository.HostOutput, assembly)).Except(below));

    [Fact]
    public void The_core_really_stands_on_the_Torch_room() =>
        Assert.Equal(
            ["KdPlugins.Torch"],
            Repository.OwnReferences(Path.Combine(Repository.HostOutput, "KdPlugins.Core.dll"))
        );

    [Fact]
    public void A_plugin_references_the_contracts_and_no_other_plugin()
    {
        Assert.NotEmpty(Repository.PluginFolders);
        foreach (var folder in Repository.PluginFolders)
        {
            var assembly = Path.Combine(folder, $"KdPlugins.{Path.GetFileName(folder)}.dll");
            Assert.Empty(Repository.OwnReferences(assembly).Except(Contracts));
        }
    }

    [Fact]
    public void The_host_orders_plugins_to_be_built_and_does_not_reference_them()
    {
        var project = XDocument.Load(Path.Combine(Repository.Root, "host", "KdPlugins.Host.csproj"));
        var references = project.Descendants("ProjectReference").ToList();
        var plugins = references.Where(r => ((string)r.Attribute("Include")!).Contains("ShippedPlugin")).ToList();
        Assert.All(plugins, r => Assert.Equal("false", (string?)r.Attribute("ReferenceOutputAssembly")));
        Assert.Single(plugins);
        Assert.All(references.Except(plugins), r => Assert.StartsWith("../core/", (string)r.Attribute("Include")!));
        Assert.DoesNotContain(
            Repository.PluginFolders.Select(f => $"KdPlugins.{Path.GetFileName(f)}"),
            File.ReadAllText(Path.Combine(Repository.HostOutput, "kd.deps.json")).Contains
        );
    }

    [Theory]
    [InlineData("core")]
    [InlineData("host")]
    public void No_source_of_core_or_host_names_a_plugin_assembly(string room)
    {
        var names = Repository.PluginFolders.Select(f => $"KdPlugins.{Path.GetFileName(f)}").ToList();
        var sources = Directory
            .EnumerateFiles(Path.Combine(Repository.Root, room), "*.?s", SearchOption.AllDirectories)
            .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}"))
            .ToList();
        Assert.NotEmpty(sources);
        foreach (var source in sources)
        {
            var text = File.ReadAllText(source);
            Assert.DoesNotContain(names, n => text.Contains(n, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void No_source_of_core_or_host_knows_a_tool_or_the_method_that_brought_the_first()
    {
        string[] words = ["rank-augmentations", "good-da-kd", "gooddakd", "cutmix"];
        var sources = ((string[])["core", "host"])
            .SelectMany(room =>
                Directory.EnumerateFiles(Path.Combine(Repository.Root, room), "*", SearchOption.AllDirectories)
            )
            .Where(f => Path.GetExtension(f) is ".cs" or ".fs" or ".fsi" or ".js" or ".html" or ".css")
            .Where(f => !f.Split(Path.DirectorySeparatorChar).Any(part => part is "obj" or "bin"))
            .ToList();
        Assert.NotEmpty(sources);
        Assert.DoesNotContain(
            sources,
            f => words.Any(w => File.ReadAllText(f).Contains(w, StringComparison.OrdinalIgnoreCase))
        );
    }
}
