using System.Text.RegularExpressions;
using KdPlugins.Tests;

namespace KdPlugins.Authors.Tests.EndToEnd;

/// <summary>
/// From an empty folder to a finished run, with nothing but the packages: template, build, conformance kit, the output
/// into the folder of a running service, a recipe that uses it.
/// </summary>
public sealed class TemplateTests(AuthorsMachine machine) : IClassFixture<AuthorsMachine>
{
    private const string Name = "Acme.TopKGap";
    private const string Id = "acme-top-k-gap";

    [SkippableTheory]
    [InlineData("loss", "C#")]
    [InlineData("loss", "F#")]
    [InlineData("augmentation", "C#")]
    [InlineData("augmentation", "F#")]
    [InlineData("generator", "C#")]
    [InlineData("generator", "F#")]
    [InlineData("strategy", "C#")]
    [InlineData("strategy", "F#")]
    [InlineData("dataset", "C#")]
    [InlineData("dataset", "F#")]
    [InlineData("model", "C#")]
    [InlineData("model", "F#")]
    public void A_plugin_from_a_template_is_built_tested_dropped_in_and_used(string kind, string language)
    {
        Skip.If(
            (kind, language) != ("loss", "C#") && Environment.GetEnvironmentVariable("KD_TESTS_FULL") != "1",
            "Every template from an empty folder to a finished run takes a minute: set KD_TESTS_FULL=1."
        );
        var project = machine.New(kind, language, Name);
        Assert.Contains("0 Warning(s)", Commands.Dotnet(project, "build", "-c", "Release"));
        var tested = Regex.Match(
            Commands.Dotnet(project, "test", "-c", "Release", "--no-build"),
            @"Passed! +- Failed: +0, Passed: +(\d+)"
        );
        Assert.True(tested.Success && int.Parse(tested.Groups[1].Value) > 5, tested.Value);

        var output = Path.Combine(project, Name, "bin", "Release", "plugin");
        string[] own = [$"{Name}.deps.json", $"{Name}.dll", $"{Name}.pdb", $"{Name}.xml", "plugin.json"];
        Assert.Equal(own, Folders.Files(Path.Combine(output, Name)));
        AssertVerified(project, Path.Combine(output, $"{Name}.kdplugin"));
        Use(project, Path.Combine(output, Name));
    }

    // The package alone, in a folder of its own: made, and unloaded.
    private void AssertVerified(string project, string package)
    {
        var folder = Directory.CreateDirectory(project + "-package").FullName;
        File.Copy(package, Path.Combine(folder, Path.GetFileName(package)));
        Commands.Dotnet(machine.Root, Commands.Kd, "plugins", "verify", "--plugins", folder);
        Assert.Contains(Id, Commands.Dotnet(machine.Root, Commands.Kd, "plugins", "list", "--plugins", folder));
    }

    private void Use(string project, string plugin)
    {
        var folder = Directory.CreateDirectory(project + "-host").FullName;
        var plugins = Path.Combine(folder, "plugins");
        Folders.Copy(Path.Combine(Path.GetDirectoryName(Commands.Kd)!, "plugins"), plugins);
        using var service = new RunningService(
            args => Commands.Begin(folder, [Commands.Kd, .. args]),
            Path.Combine(folder, "data"),
            plugins
        );
        Folders.Copy(plugin, Path.Combine(plugins, Path.GetFileName(plugin)));
        service.WaitForPlugin(Id);
        var recipe = Path.Combine(project, "recipe.json");
        Assert.Contains($"\"id\": \"{Id}\"", File.ReadAllText(recipe));
        var run = Commands.Dotnet(folder, Commands.Kd, "submit", recipe, "--url", service.Url).Trim();
        Assert.True(
            service.WaitFor(run, "Done", "Failed", "Cancelled") == "Done",
            service.Get($"/api/runs/{run}").ToJsonString()
        );
    }
}
