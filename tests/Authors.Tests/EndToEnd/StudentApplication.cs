namespace KdPlugins.Authors.Tests.EndToEnd;

/// <summary>A console application in an empty folder that has the package <c>KdPlugins.Student</c> and nothing else.</summary>
internal sealed class StudentApplication : IDisposable
{
    private readonly string _version = $"0.1.0-e2e.{DateTime.UtcNow.Ticks}";

    /// <summary>Packs the package and builds the application, without a warning.</summary>
    /// <param name="program">Its Program.cs.</param>
    internal StudentApplication(string program)
    {
        string[] pack = ["pack", "core/Student", "--no-build", "-c", Commands.Configuration, "-o", At("feed")];
        Commands.Dotnet(Commands.Repository, [.. pack, $"-p:PackageVersion={_version}"]);
        Commands.UseFeed(Root);
        Commands.BuildApplication(
            Root,
            program,
            $"""<PackageReference Include="KdPlugins.Student" Version="{_version}" />""",
            "<RuntimeIdentifier>linux-x64</RuntimeIdentifier><SelfContained>false</SelfContained>"
        );
    }

    /// <summary>The folder of everything, removed at the end.</summary>
    internal string Root { get; } = Directory.CreateTempSubdirectory("kd-application-").FullName;

    internal string At(params string[] names) => Path.Combine([Root, .. names]);

    /// <summary>Runs it in its folder; gives the lines that it wrote.</summary>
    internal string[] Run(params string[] arguments) =>
        Commands.Dotnet(Root, [At("out", "app.dll"), .. arguments]).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
