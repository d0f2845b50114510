using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using KdPlugins.Host.Commands;
using KdPlugins.Host.Commands.Service;
using KdPlugins.Host.Service;

namespace KdPlugins.Host.Tests.Service;

/// <summary>The systemd unit fits the program that it starts.</summary>
public sealed class UnitFileTests
{
    private static readonly string File = Path.Combine(
        new DirectoryInfo(AppContext.BaseDirectory).Parent!.Parent!.Parent!.Parent!.Parent!.FullName,
        "host/systemd/kd.service"
    );

    private static ILookup<string, string> Read() =>
        System
            .IO.File.ReadAllLines(File)
            .Where(l => l.Length > 0 && l[0] is not ('#' or '['))
            .Select(l => l.Split('=', 2))
            .ToLookup(l => l[0], l => l[1]);

    [Fact]
    public void What_it_starts_is_a_command_line_that_serve_understands()
    {
        var words = Read()["ExecStart"].Single().Split(' ');
        Assert.Equal(("/opt/kd/kd", "serve"), (words[0], words[1]));
        var screen = new Screen(TextWriter.Null, TextWriter.Null, IsTerminal: false, Json: false, Verbose: false);
        var parsed = new RootCommand { ServeCommand.Make(screen) }.Parse(words[1..]);
        Assert.Empty(parsed.Errors);
        Assert.Empty(
            new RootCommand { ServeCommand.Make(screen) }
                .Parse(words[1..])
                .UnmatchedTokens
        );
        Assert.NotEmpty(
            new RootCommand { ServeCommand.Make(screen) }
                .Parse([.. words[1..], "--nonsense"])
                .Errors
        );
    }

    [Fact]
    public void It_is_told_when_the_service_is_ready_and_gives_it_the_time_to_drain()
    {
        var unit = Read();
        Assert.Equal("notify", unit["Type"].Single());
        Assert.Equal("mixed", unit["KillMode"].Single());
        var stop = double.Parse(unit["TimeoutStopSec"].Single(), CultureInfo.InvariantCulture);
        Assert.True(stop > new ServiceOptions().StopSeconds + 15);
        Assert.Equal("on-failure", unit["Restart"].Single());
    }

    [Fact]
    public void Its_data_lies_in_the_state_folder_and_it_gains_no_rights()
    {
        var unit = Read();
        var data = unit["ExecStart"].Single().Split(' ').SkipWhile(w => w != "--data").ElementAt(1);
        Assert.Equal($"/var/lib/{unit["StateDirectory"].Single()}", data);
        Assert.Equal(data, unit["WorkingDirectory"].Single());
        foreach (var key in (string[])["DynamicUser", "NoNewPrivileges", "PrivateTmp", "RestrictSUIDSGID"])
            Assert.Equal("yes", unit[key].Single());
        Assert.Equal(("strict", ""), (unit["ProtectSystem"].Single(), unit["CapabilityBoundingSet"].Single()));
        // The runtime compiles while it runs, and CUDA needs its devices.
        Assert.Empty(unit["MemoryDenyWriteExecute"].Concat(unit["PrivateDevices"]));
    }

    [SkippableFact]
    public void Systemd_itself_finds_nothing_wrong()
    {
        Skip.IfNot(System.IO.File.Exists("/usr/bin/systemd-analyze"), "systemd-analyze is not here.");
        var start = new ProcessStartInfo("systemd-analyze", ["verify", "--man=no", File])
        {
            RedirectStandardError = true,
        };
        using var analyze = Process.Start(start)!;
        var said = analyze.StandardError.ReadToEnd();
        analyze.WaitForExit();
        // The program is not installed on the machine that tests it.
        var lines = said.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(l => !l.Contains("/opt/kd/kd"));
        Assert.Empty(lines);
    }
}
