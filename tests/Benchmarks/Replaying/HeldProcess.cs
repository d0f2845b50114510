using System.Diagnostics;
using System.Globalization;

namespace KdPlugins.Benchmarks.Replaying;

/// <summary>A <see cref="HeldRun"/> in a process of its own: random draws belong to one run of a process.</summary>
internal sealed class HeldProcess : IDisposable
{
    private readonly Process _process;

    internal HeldProcess(string section, int threads)
    {
        var start = new ProcessStartInfo(
            "dotnet",
            [typeof(HeldProcess).Assembly.Location, "held-run", $"{threads}", section]
        )
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        _process = Process.Start(start)!;
        Answer();
    }

    /// <summary>Milliseconds of a step by the clock and of the processor, over so many.</summary>
    internal (double Clock, double Processor) Steps(int count) => Ask($"steps {count}");

    /// <summary>The same, over so many seconds.</summary>
    internal (double Clock, double Processor) Seconds(double seconds) =>
        Ask(FormattableString.Invariant($"seconds {seconds}"));

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }

    private (double Clock, double Processor) Ask(string turn)
    {
        _process.StandardInput.WriteLine(turn);
        return Answer();
    }

    private (double Clock, double Processor) Answer()
    {
        if (_process.StandardOutput.ReadLine()?.Split(' ') is not [var clock, var processor])
            throw new InvalidOperationException("A run has failed.");
        static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
        return (Number(clock), Number(processor));
    }
}
