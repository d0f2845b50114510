using System.Text.RegularExpressions;

namespace KdPlugins.Authors.Tests.EndToEnd;

/// <summary>A plugin's project for a framework that the Sdk is not for: one error says so, before any name is missing.</summary>
public sealed class FrameworkTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kd-framework-").FullName;

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_root, recursive: true);

    // The targets of the package alone: nothing is restored.
    [Theory]
    [InlineData("net8.0", false)]
    [InlineData("netstandard2.0", false)]
    [InlineData("net10.0", true)]
    public void The_wrong_framework_is_one_error(string framework, bool isRight)
    {
        var targets = Path.Combine(Commands.Repository, "core", "Sdk", "build", "KdPlugins.Sdk.targets");
        File.WriteAllText(
            Path.Combine(_root, "Mine.csproj"),
            $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup><TargetFramework>{framework}</TargetFramework></PropertyGroup>
              <Import Project="{targets}" />
            </Project>
            """
        );
        var (code, said) = Commands.Ended(_root, "msbuild", "Mine.csproj", "-t:RequireKdFramework", "-nologo");
        Assert.Equal(isRight, code == 0);
        var told = Regex.Matches(said, "error .*").Select(m => m.Value).Distinct();
        if (isRight)
            Assert.Empty(told);
        else
            Assert.StartsWith(
                $"error KDB0002: Mine is for {framework}, and KdPlugins.Sdk is for net10.0: set <TargetFramework>net10.0",
                Assert.Single(told)
            );
    }
}
