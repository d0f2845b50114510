using System.Security.Cryptography;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Runs that die without warning, and checkpoints that are damaged.</summary>
[Collection("commands")]
public sealed class KillTests : IDisposable
{
    // KD_TESTS_FULL=1 makes the tests as long as the product's promise: 50 kills, 40 bytes.
    private static readonly bool IsFull = Environment.GetEnvironmentVariable("KD_TESTS_FULL") == "1";

    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    private string[] RunArgs(string name, params string[] more) =>
        [
            "run",
            _kd.TinyRecipe(),
            "--out",
            _kd.At(name),
            "--plugins",
            Kd.Plugins,
            "--threads",
            "1",
            "--set",
            "checkpoints.everySteps=1",
            .. more,
        ];

    private string Sha(string run) =>
        string.Concat(
            ((string[])["student", "student-last"]).Select(f =>
                Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(_kd.At($"{run}/{f}.safetensors"))))
            )
        );

    // Starts the command, and kills it so many lines of output and milliseconds later; whether it was still running.
    private static async Task<bool> Killed(string[] args, int lines, int milliseconds)
    {
        using var process = Kd.Start([.. args, "--json"]);
        while (lines-- > 0 && await process.StandardOutput.ReadLineAsync() is not null) { }
        using var limit = new CancellationTokenSource(milliseconds);
        try
        {
            await process.StandardOutput.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync();
            Assert.True(process.ExitCode == 0, await process.StandardError.ReadToEndAsync());
            return false;
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            await process.WaitForExitAsync();
            return true;
        }
    }

    [Fact]
    public async Task A_run_killed_at_random_moments_ends_with_the_student_of_the_whole_run()
    {
        var whole = Kd.Call(RunArgs("whole"));
        Assert.True(whole.ExitCode == 0, whole.Error);
        var (random, left) = (new Random(17), IsFull ? 50 : 8);
        for (var run = 1; left > 0; run++)
        {
            var (name, started) = ($"run-{run}", false);
            while (left > 0)
            {
                // Every step writes a checkpoint, so many of these moments are inside one.
                var args = started ? ["resume", _kd.At(name)] : RunArgs(name);
                started = true;
                if (!await Killed(args, random.Next(2, 6), random.Next(0, 300)))
                    break;
                left--;
            }
            var end = Kd.Call("resume", _kd.At(name));
            Assert.True(end.ExitCode == 0, end.Error);
            Assert.Equal(Sha("whole"), Sha(name));
        }
    }

    [Fact]
    public async Task A_flipped_byte_anywhere_in_the_only_checkpoint_is_named_and_one_in_the_newest_is_passed_over()
    {
        var whole = Kd.Call(RunArgs("whole"));
        Assert.True(whole.ExitCode == 0, whole.Error);
        var stopped = await _kd.StoppedAsync(22, name => RunArgs(name));
        // The two newest ones are kept.
        var checkpoints = Directory
            .GetDirectories(Path.Combine(stopped, "checkpoints"))
            .Where(d => File.Exists(Path.Combine(d, "manifest.json")))
            .Order(StringComparer.Ordinal)
            .ToList();
        Assert.True(checkpoints.Count >= 2);
        Kd.Copy(stopped, _kd.At("two"));
        Flip(Directory.GetFiles(_kd.At($"two/checkpoints/{Path.GetFileName(checkpoints[^1])}")).Order().First(), 0.5);
        var passed = Kd.Call("resume", _kd.At("two"));
        Assert.True(passed.ExitCode == 0, passed.Error);
        Assert.Equal(Sha("whole"), Sha("two"));
        foreach (var older in checkpoints[..^1])
            Directory.Delete(older, recursive: true);
        var files = Directory.GetFiles(checkpoints[^1]).Order(StringComparer.Ordinal).ToList();
        Assert.Contains(files, f => Path.GetFileName(f) == "manifest.json");
        var random = new Random(23);
        for (var i = 0; i < (IsFull ? 40 : 8); i++)
        {
            var file = files[i % files.Count];
            var before = File.ReadAllBytes(file);
            Flip(file, random.NextDouble());
            var result = Kd.Call("resume", stopped);
            Assert.True(result.ExitCode == ExitCodes.Damaged, $"{file}: {result.ExitCode} {result.Error}");
            Assert.StartsWith("KDP06", result.Error);
            Assert.Contains(Path.GetFileName(checkpoints[^1]), result.Error);
            File.WriteAllBytes(file, before);
        }
        var end = Kd.Call("resume", stopped);
        Assert.True(end.ExitCode == 0, end.Error);
        Assert.Equal(Sha("whole"), Sha(Path.GetFileName(stopped)));
    }

    private static void Flip(string file, double place)
    {
        var bytes = File.ReadAllBytes(file);
        bytes[(int)(place * bytes.Length)] ^= 0x10;
        File.WriteAllBytes(file, bytes);
    }
}
