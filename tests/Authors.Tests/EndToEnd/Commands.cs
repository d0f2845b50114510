using System.Diagnostics;
using System.Text;

namespace KdPlugins.Authors.Tests.EndToEnd;

/// <summary>Commands as an author types them, in processes of their own.</summary>
internal static class Commands
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(8);

    /// <summary>The repository's root, where the tests were built.</summary>
    internal static string Repository { get; } =
        new DirectoryInfo(AppContext.BaseDirectory).Parent!.Parent!.Parent!.Parent!.Parent!.FullName;

    /// <summary>Debug or Release, as the tests were built.</summary>
    internal static string Configuration { get; } = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;

    /// <summary>The package folder that the tests were built from, wherever the machine has it.</summary>
    internal static string Packages { get; } = ((string)AppContext.GetData("KdPlugins.PackageRoot")!).Split(';')[0];

    /// <summary>Has a folder take packages from "feed" in it, and what is not there from this machine's package folder.</summary>
    internal static void UseFeed(string folder) =>
        File.WriteAllText(
            Path.Combine(folder, "nuget.config"),
            $"""
            <configuration>
              <config><add key="globalPackagesFolder" value="packages" /></config>
              <packageSources><add key="feed" value="feed" /></packageSources>
              <fallbackPackageFolders><add key="machine" value="{Packages}" /></fallbackPackageFolders>
            </configuration>
            """
        );

    /// <summary>Writes a console application into app/ of a folder and builds it into out/, without a warning.</summary>
    /// <param name="folder">Where both are.</param>
    /// <param name="program">Its Program.cs.</param>
    /// <param name="packages">Its package references.</param>
    /// <param name="settings">Further properties of its project.</param>
    internal static void BuildApplication(string folder, string program, string packages, string settings = "")
    {
        var app = Path.Combine(folder, "app");
        Directory.CreateDirectory(app);
        File.WriteAllText(Path.Combine(app, "Program.cs"), program);
        File.WriteAllText(
            Path.Combine(app, "app.csproj"),
            $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
                {settings}
              </PropertyGroup>
              <ItemGroup>{packages}</ItemGroup>
            </Project>
            """
        );
        Assert.Contains("0 Warning(s)", Dotnet(app, "build", "-c", "Release", "-o", Path.Combine(folder, "out")));
    }

    /// <summary>The command line <c>kd</c>, with its output folder's plugins beside it.</summary>
    internal static string Kd { get; } =
        Path.Combine(
            Repository,
            "host",
            "bin",
            Configuration,
            Path.GetFileName(Path.GetDirectoryName(AppContext.BaseDirectory))!,
            "kd.dll"
        );

    /// <summary>Runs <c>dotnet</c> to its end and gives what it said; the test fails where the command does.</summary>
    internal static string Dotnet(string folder, params string[] arguments)
    {
        var (code, said) = Ended(folder, arguments);
        Assert.True(code == 0, $"dotnet {string.Join(' ', arguments)}\n{said}");
        return said;
    }

    /// <summary>Runs <c>dotnet</c> to its end and gives its exit code and what it said.</summary>
    internal static (int Code, string Said) Ended(string folder, params string[] arguments)
    {
        using var process = Start(folder, arguments, out var said);
        if (!process.WaitForExit(Longest))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"dotnet {string.Join(' ', arguments)} takes longer than {Longest}.\n{Text(said)}");
        }
        // Without a time, so that the last lines are in; whoever else holds the pipes may keep them open for long.
        Task.WhenAny(process.WaitForExitAsync(), Task.Delay(TimeSpan.FromSeconds(5))).GetAwaiter().GetResult();
        return (process.ExitCode, Text(said));
    }

    /// <summary>Starts <c>dotnet</c>; nobody reads yet what it says.</summary>
    internal static Process Begin(string folder, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Isolate(start.Environment);
        return Process.Start(start)!;
    }

    private static Process Start(string folder, IEnumerable<string> arguments, out StringBuilder said)
    {
        var text = said = new();
        void Gather(object _, DataReceivedEventArgs line)
        {
            lock (text)
                text.AppendLine(line.Data);
        }
        var process = Begin(folder, arguments);
        process.OutputDataReceived += Gather;
        process.ErrorDataReceived += Gather;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    private static string Text(StringBuilder said)
    {
        lock (said)
            return said.ToString();
    }

    // What `dotnet test` tells its children is about this build, not about an author's.
    private static void Isolate(IDictionary<string, string?> environment)
    {
        foreach (
            var name in environment
                .Keys.Where(n => n.StartsWith("MSBuild", StringComparison.OrdinalIgnoreCase))
                .ToList()
        )
            environment.Remove(name);
        environment.Remove("NUGET_PACKAGES");
        environment["MSBUILDDISABLENODEREUSE"] = "1";
        environment["DOTNET_CLI_UI_LANGUAGE"] = "en";
        environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        environment["DOTNET_NOLOGO"] = "1";
    }
}
