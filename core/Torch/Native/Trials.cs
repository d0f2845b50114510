using System.Diagnostics;
using System.Globalization;
using System.Runtime.Intrinsics.X86;

namespace KdPlugins.Torch.Native;

/// <summary>
/// The parent's side: tries one limit after the other in processes of their own, where a crash or a hang is a result like any other.
/// </summary>
/// <param name="limits">What oneDNN is limited to, in turn.</param>
/// <param name="child">How the child for a limit that begins with a shape is started; null where it cannot be.</param>
/// <param name="patience">How long a child may compute one shape before it counts as hung.</param>
internal sealed class Trials(
    IReadOnlyList<string> limits,
    Func<string, int, ProcessStartInfo?> child,
    TimeSpan patience
)
{
    /// <summary>
    /// What is tried, the fastest first: everything the processor has; without bf16 and AMX; plain AVX-512; AVX2. A processor
    /// without AVX-512 has but one.
    /// </summary>
    internal static IReadOnlyList<string> Limits { get; } =
        Avx512F.IsSupported ? ["DEFAULT", "AVX512_CORE_VNNI", "AVX512_CORE", "AVX2"] : ["DEFAULT"];

    // What is wrong in more places than this is not taken in any case, unless everything is.
    private const int MostFaults = 60;
    private const int MostChildren = 4;

    // A cold disk may take that many times longer to load libtorch.
    private const int StartPatience = 10;

    internal static Trials OfThisProgram { get; } = new(Limits, Child.For, TimeSpan.FromSeconds(10));

    /// <summary>
    /// Tries them in turn until one is right; all where <paramref name="all"/>. Empty where no child can be started, or none gets as far
    /// as libtorch.
    /// </summary>
    internal IReadOnlyList<InstructionTrial> Make(bool all = false)
    {
        var made = new List<InstructionTrial>();
        foreach (var limit in limits)
        {
            if (Try(limit) is not { } trial)
                return made;
            made.Add(trial);
            if (trial.IsRight && !all)
                break;
        }
        return made;
    }

    /// <summary>The first that is wholly right, else the one with the fewest faults; null of none.</summary>
    internal static InstructionTrial? Best(IReadOnlyList<InstructionTrial> trials) =>
        trials.OrderBy(t => t.IsWhole ? 0 : 1).ThenBy(t => t.Faults.Count).FirstOrDefault();

    // A child that dies of a shape is a fault of that shape; the next child goes on behind it.
    private InstructionTrial? Try(string limit)
    {
        var account = new Account();
        for (var n = 0; n < MostChildren && !account.IsFull; n++)
        {
            if (child(limit, account.Next) is not { } start || Follow(start, account) is not { } end)
                return null;
            if (account.Milliseconds is { } milliseconds)
                return new(limit, account.Faults, IsWhole: true, milliseconds);
            if (!account.IsFull)
                account.Died(end);
        }
        return new(limit, account.Faults, IsWhole: false, 0);
    }

    // How it ended; null where it did not even begin, which says nothing of the instructions.
    private string? Follow(ProcessStartInfo start, Account account)
    {
        start.RedirectStandardOutput = start.RedirectStandardError = start.RedirectStandardInput = true;
        using var process = Start(start);
        if (process is null)
            return null;

        using var ended = new ManualResetEventSlim();
        var before = account.Lines;
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is null)
                ended.Set();
            else if (account.Add(line.Data))
                process.Kill();
        };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        process.StandardInput.Close();

        var (seen, waited) = (before, 1);
        while (!ended.Wait(patience))
        {
            waited = account.Lines == seen ? waited + 1 : 1;
            seen = account.Lines;
            if (waited <= (seen == before ? StartPatience : 1))
                continue;
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            return seen == before ? null : "hangs";
        }

        process.WaitForExit();
        return account.Lines == before ? null : $"ends the process with code {process.ExitCode}";
    }

    private static Process? Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    /// <summary>What the children for one limit have said.</summary>
    private sealed class Account
    {
        private readonly Lock gate = new();
        private readonly List<string> faults = [];
        private string at = "";
        private int number = -1;

        internal IReadOnlyList<string> Faults => faults;

        internal bool IsFull => faults.Count >= MostFaults;

        internal int Lines { get; private set; }

        /// <summary>The shape behind the one that was tried last.</summary>
        internal int Next => number + 1;

        internal long? Milliseconds { get; private set; }

        /// <summary>Whether enough is wrong.</summary>
        internal bool Add(string line)
        {
            lock (gate)
            {
                if (After(TrialWords.Trying, line) is { } shape && shape.IndexOf(' ') is > 0 and var space)
                {
                    number = int.Parse(shape[..space], CultureInfo.InvariantCulture);
                    at = shape[(space + 1)..];
                }
                else if (After(TrialWords.Done, line) is { } time)
                    Milliseconds = long.Parse(time, CultureInfo.InvariantCulture);
                else if (After(TrialWords.Wrong, line) is { } fault && !IsFull)
                    faults.Add(fault);
                else
                    return false;
                Lines++;
                return IsFull;
            }
        }

        internal void Died(string how) => faults.Add($"{at} {how}");

        private static string? After(string word, string line) =>
            line.StartsWith(word, StringComparison.Ordinal) ? line[word.Length..] : null;
    }
}
