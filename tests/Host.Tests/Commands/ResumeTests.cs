using System.Security.Cryptography;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>
/// Every strategy, and every model as teacher and as student, with its randomness on: killed, resumed in a process of its
/// own, and bit for bit what the uninterrupted run gives. A resumed process does again what a process does once.
/// </summary>
[Collection("commands")]
public sealed class ResumeTests : IDisposable
{
    // KD_TESTS_FULL=1 takes all of them, and kills each at 30 random moments.
    private static readonly bool IsFull = Environment.GetEnvironmentVariable("KD_TESTS_FULL") == "1";

    private static readonly string[] Quick = ["offline", "krr-st", "model wrn"];

    private readonly Kd _kd = new();

    public static TheoryData<string> Cases =>
        [.. ResumeRecipes.Strategies.Keys, .. ResumeRecipes.Models.Keys.Select(model => $"model {model}")];

    public void Dispose() => _kd.Dispose();

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public async Task A_killed_run_ends_with_the_files_of_the_whole_one(string name)
    {
        Skip.If(!IsFull && !Quick.Contains(name), "Every strategy and model takes half an hour: set KD_TESTS_FULL=1.");
        var recipe = _kd.Write("recipe.json", ResumeRecipes.Of(name));
        string[] Args(string run) => ["run", recipe, "--out", _kd.At(run), "--plugins", Kd.Plugins, "--threads", "1"];
        if (name == "krr-st-transfer")
        {
            var maker = _kd.Write("maker.json", ResumeRecipes.Of("krr-st"));
            Assert.Equal(0, Kd.Call("run", maker, "--out", _kd.At("made"), "--plugins", Kd.Plugins).ExitCode);
        }
        var lines = await Lines(Args("whole"));
        var random = new Random(29);
        var left = IsFull ? 30 : 1;
        for (var run = 1; left > 0; run++)
        {
            var folder = $"run-{run}";
            // What is left of the run after a kill is shorter: several kills of one run, until it ends.
            var killed = await IsKilled(Args(folder), random.Next(lines / 4, lines), random);
            while (killed && --left > 0)
                killed = await IsKilled(["resume", _kd.At(folder)], random.Next(2, Math.Max(3, lines / 3)), random);
            if (killed)
                await Lines(["resume", _kd.At(folder)]);
            Assert.Equal(Files("whole"), Files(folder));
        }
    }

    // Runs a command to its end; gives the number of its lines.
    private static async Task<int> Lines(string[] args)
    {
        using var process = Kd.Start([.. args, "--json"]);
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await error);
        return output.Count(c => c == '\n');
    }

    // SIGKILL after so many lines and a moment more; false where the command was through before.
    private static async Task<bool> IsKilled(string[] args, int lines, Random random)
    {
        using var process = Kd.Start([.. args, "--json"]);
        var error = process.StandardError.ReadToEndAsync();
        while (lines-- > 0 && await process.StandardOutput.ReadLineAsync() is not null) { }
        using var moment = new CancellationTokenSource(random.Next(0, 60));
        try
        {
            await process.StandardOutput.ReadToEndAsync(moment.Token);
            await process.WaitForExitAsync();
            Assert.True(process.ExitCode == 0, await error);
            return false;
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            await process.WaitForExitAsync();
            return true;
        }
    }

    // Networks and what the method exports, with their hashes.
    private List<string> Files(string run)
    {
        var root = _kd.At(run);
        var found = Directory
            .EnumerateFiles(root, "*.safetensors", SearchOption.AllDirectories)
            .Select(file => (Name: Path.GetRelativePath(root, file), File: file))
            .Where(f => !f.Name.StartsWith("checkpoints", StringComparison.Ordinal))
            .OrderBy(f => f.Name, StringComparer.Ordinal)
            .Select(f => $"{f.Name} {Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(f.File)))}")
            .ToList();
        Assert.NotEmpty(found);
        return found;
    }
}
