using System.Diagnostics;
using System.Globalization;

namespace KdPlugins.Benchmarks.Step;

/// <summary>The system's PyTorch, in a process that lives as long as the benchmark; step.py beside this program.</summary>
internal sealed class PythonContestant : IContestant
{
    private readonly Process _process;

    internal PythonContestant(string precision, int threads)
    {
        var start = new ProcessStartInfo("/usr/bin/python3")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            ArgumentList =
            {
                Path.Combine(AppContext.BaseDirectory, "step.py"),
                precision,
                threads.ToString(CultureInfo.InvariantCulture),
            },
        };
        _process = Process.Start(start)!;
        Name = $"PyTorch {ReadLine()} {precision}";
    }

    public string Name { get; }

    public Turn Run(double seconds)
    {
        var before = ProcessUse.Now(_process.Id);
        _process.StandardInput.WriteLine(seconds.ToString(CultureInfo.InvariantCulture));
        var answer = ReadLine().Split(' ').Select(v => double.Parse(v, CultureInfo.InvariantCulture)).ToArray();
        var (steps, elapsed, loss) = (answer[0], answer[1], answer[2]);
        var use = ProcessUse.Now(_process.Id) - before;
        return new(steps * DistillationStep.Batch / elapsed, use.CpuSeconds * 1000 / steps, use.Faults / steps, loss);
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }

    private string ReadLine() =>
        _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("PyTorch has ended, see above.");
}
