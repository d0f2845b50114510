using System.Text.RegularExpressions;
using KdPlugins.Authors.Tests.EndToEnd;

namespace KdPlugins.Authors.Tests.Packages;

/// <summary>A plugin's project for a framework that the package has nothing for: one error that says so.</summary>
public sealed class FrameworkTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kd-framework-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("net8.0")]
    [InlineData("netstandard2.1")]
    public void Another_framework_is_one_error(string framework)
    {
        var targets = Path.Combine(Commands.Repository, "core", "Sdk", "build", "KdPlugins.Sdk.targets");
        File.WriteAllText(
            Path.Combine(_folder, "Old.csproj"),
            $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup><TargetFramework>{framework}</TargetFramework></PropertyGroup>
              <Import Project="{targets}" />
            </Project>
            """
        );
        File.WriteAllText(
            Path.Combine(_folder, "Loss.cs"),
            "using KdPlugins.Sdk; class Loss : DistillationLoss<NoOptions>;"
        );
        // As after a restore: the package's targets are there, and its types are not.
        using var build = Commands.Start(_folder, ["msbuild", "-t:Build", "-nologo"], out var said);
        build.WaitForExit();
        var text = Commands.Text(said);
        Assert.NotEqual(0, build.ExitCode);
        var errors = Regex.Matches(text, @"error (\w+): .*").Select(m => m.Value).Distinct().ToList();
        var error = Assert.Single(errors);
        Assert.Contains(
            $"KDB0002: Old is for {framework}, and KdPlugins.Sdk is for net10.0: set <TargetFramework>net10.0",
            error
        );
    }
}
