using System.CommandLine;
using KdPlugins.Torch;

namespace KdPlugins.Host.Commands.Doctor;

/// <summary>kd doctor [--again].</summary>
internal static class DoctorCommand
{
    internal static Command Make(Screen screen)
    {
        var again = new Option<bool>("--again")
        {
            Description = "Tries all instructions of the processor anew, and keeps what it finds.",
        };
        var plugins = CommonOptions.Plugins();
        var command = new Command(
            "doctor",
            "Says what this machine computes with and whether that is right: what a report of a fault should hold."
        )
        {
            again,
            plugins,
        };
        command.SetAction(parsed =>
        {
            using var host = PluginHost.Load(parsed.GetValue(plugins));
            var native = host.StartTorch(threads: 0);
            var verdict = parsed.GetValue(again) ? ProcessorInstructions.TryAgain() : native.Instructions;
            var report = new DoctorReport(native, verdict, host.Catalog);
            screen.Tell(report.Json, report.Text);
            return ExitCodes.Done;
        });
        return command;
    }
}
