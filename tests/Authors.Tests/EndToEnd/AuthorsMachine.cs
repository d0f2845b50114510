namespace KdPlugins.Authors.Tests.EndToEnd;

/// <summary>
/// An empty folder outside of the repository, with a feed of nothing but this build's packages and with the templates
/// installed for itself alone. Everything else comes from the package folder that the machine has, in place, or from its
/// usual sources; the version is one of its own, so that no cache has it.
/// </summary>
public sealed class AuthorsMachine : IDisposable
{
    private readonly Lazy<string> _hive;

    public AuthorsMachine() => _hive = new(InstallTemplates);

    internal string Root { get; } = Directory.CreateTempSubdirectory("kd-author-").FullName;

    internal string Version { get; } = $"0.1.0-e2e.{DateTime.UtcNow.Ticks}";

    internal string At(params string[] names) => Path.Combine([Root, .. names]);

    /// <summary>The feed and nothing else, for projects that no template made.</summary>
    internal void PreparePackages() => _ = _hive.Value;

    /// <summary>A project from a template, as <c>dotnet new</c> makes it.</summary>
    internal string New(string kind, string language, string name)
    {
        var project = At($"{kind} in {language}");
        string[] what = ["new", $"kd-{kind}", "-lang", language, "-n", name, "-o", project];
        Commands.Dotnet(Root, [.. what, "--debug:custom-hive", _hive.Value]);
        return project;
    }

    /// <summary>Removes all of it.</summary>
    public void Dispose() => Directory.Delete(Root, recursive: true);

    private string InstallTemplates()
    {
        Commands.Dotnet(
            Commands.Repository,
            "pack",
            "KdPlugins.sln",
            "--no-build",
            "-c",
            Commands.Configuration,
            $"-p:PackageVersion={Version}",
            "-o",
            At("feed")
        );
        Commands.UseFeed(Root);
        var templates = At("feed", $"KdPlugins.Templates.{Version}.nupkg");
        Commands.Dotnet(Root, "new", "install", templates, "--debug:custom-hive", At("hive"));
        return At("hive");
    }
}
