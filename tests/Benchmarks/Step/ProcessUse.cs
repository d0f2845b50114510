using System.Diagnostics;
using System.Globalization;

namespace KdPlugins.Benchmarks.Step;

/// <summary>What a process has used of the machine so far.</summary>
/// <param name="CpuSeconds">On all threads.</param>
/// <param name="Faults">Pages that had to be mapped in (minor page faults).</param>
internal readonly record struct ProcessUse(double CpuSeconds, long Faults)
{
    internal static ProcessUse Now(int process)
    {
        using var p = Process.GetProcessById(process);
        // Behind the command's closing bracket: state is field 3, minflt field 10.
        var fields = File.ReadAllText($"/proc/{process}/stat").Split(") ", 2)[1].Split(' ');
        return new(p.TotalProcessorTime.TotalSeconds, long.Parse(fields[7], CultureInfo.InvariantCulture));
    }

    public static ProcessUse operator -(ProcessUse a, ProcessUse b) =>
        new(a.CpuSeconds - b.CpuSeconds, a.Faults - b.Faults);
}
