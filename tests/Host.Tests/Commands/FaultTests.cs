using System.Diagnostics;
using System.Security.Cryptography;
using KdPlugins.Host.Tests.Loading;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>What goes wrong around a run: one clear message, its exit code, and nothing lost.</summary>
[Collection("commands")]
public sealed class FaultTests : IDisposable
{
    // A picture of one pixel.
    private static readonly byte[] Png = Convert.FromBase64String(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    );

    private readonly Kd _kd = new();

    public void Dispose() => _kd.Dispose();

    private static void Fails(int exitCode, string code, KdResult result)
    {
        Assert.Equal(exitCode, result.ExitCode);
        Assert.StartsWith(code + " ", result.Error);
    }

    [Theory]
    [InlineData("c.Student.Logits.sum() / 0.0", ExitCodes.Diverged, "KDP0701")]
    [InlineData("c.Student.Logits.log().sqrt().sum() * double.NaN", ExitCodes.Diverged, "KDP0701")]
    [InlineData(
        "c.Student.Logits.square().mean() + (c.Student.Logits - c.Student.Logits.detach()).square().sum().sqrt()",
        ExitCodes.Diverged,
        "KDP0704"
    )]
    [InlineData("c.Student.Logits.sum([1L])", ExitCodes.BadRecipe, "KDP0702")]
    [InlineData("c.Student.Logits.detach().sum()", ExitCodes.BadRecipe, "KDP0703")]
    public void A_loss_that_cannot_be_trained_on_is_named(string loss, int exitCode, string code)
    {
        var plugins = _kd.CopyPlugins();
        var source =
            "[KdLoss(\"odd\")] public sealed class Odd : DistillationLoss<NoOptions> {"
            + $"public override Tensor Compute(ILossContext c) => {loss}; }}";
        Directory.CreateDirectory(Path.Combine(plugins, "Odd"));
        File.WriteAllBytes(Path.Combine(plugins, "Odd", "Odd.dll"), PluginCompiler.Compile("Odd", source));
        string[] sets = ["--set", """losses=[{"id":"odd"}]""", "--max-steps-per-stage", "2"];
        Fails(
            exitCode,
            code,
            Kd.Call(["run", _kd.TinyRecipe(), "--out", _kd.At("odd"), "--plugins", plugins, .. sets])
        );
        Assert.Contains("\"state\": \"failed\"", File.ReadAllText(_kd.At("odd/status.json")));
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_named()
    {
        var recipe = _kd.TinyRecipe();
        foreach (var folder in (string[])[Path.Combine(recipe, "run"), "/proc/kd-run"])
        {
            var result = Kd.Call("run", recipe, "--out", folder, "--plugins", Kd.Plugins);
            Assert.Equal(ExitCodes.Folder, result.ExitCode);
            Assert.Matches("^KDP(06|08)", result.Error);
            // Where something is in the way, that is named.
            Assert.Contains(Path.GetDirectoryName(folder)!, result.Error);
        }
    }

    [Fact]
    public void A_truncated_image_and_a_class_without_images_are_named()
    {
        foreach (var (name, count) in ((string, int)[])[("cat", 12), ("dog", 12)])
        {
            Directory.CreateDirectory(_kd.At($"images/{name}"));
            for (var i = 0; i < count; i++)
                File.WriteAllBytes(_kd.At($"images/{name}/{i}.png"), Png);
        }
        string[] Args(string run) =>
            [
                "run",
                _kd.TinyRecipe(),
                "--out",
                _kd.At(run),
                "--plugins",
                Kd.Plugins,
                "--max-steps-per-stage",
                "1",
                "--set",
                """dataset={"id":"image-folder","options":{"path":"images","size":8}}""",
            ];
        File.WriteAllBytes(_kd.At("images/dog/3.png"), Png[..40]);
        var truncated = Kd.Call(Args("truncated"));
        Fails(ExitCodes.Damaged, "KDP0408", truncated);
        Assert.Contains(Path.Combine("images", "dog", "3.png"), truncated.Error);
        Directory.CreateDirectory(_kd.At("images/owl"));
        var empty = Kd.Call(Args("empty"));
        Fails(ExitCodes.Damaged, "KDP0407", empty);
        Assert.Contains("owl", empty.Error);
    }

    [Fact]
    public async Task A_second_process_is_refused_and_harms_nothing()
    {
        var folder = _kd.At("shared");
        using var first = Kd.Start([
            "run",
            _kd.TinyRecipe(),
            "--out",
            folder,
            "--json",
            "--plugins",
            Kd.Plugins,
            "--set",
            "training.epochs=30",
        ]);
        while (await first.StandardOutput.ReadLineAsync() is { } line)
            if (line.Contains("\"event\":\"stage\""))
                break;
        Fails(ExitCodes.Folder, "KDP0602", Kd.Call("resume", folder));
        var rest = await first.StandardOutput.ReadToEndAsync();
        await first.WaitForExitAsync();
        Assert.Equal(0, first.ExitCode);
        Assert.Contains("\"event\":\"done\"", rest);
    }

    // A file system of its own, smaller than the run; it is gone when the last process in it ends.
    private const string OnASmallDisk = """
        mount -t tmpfs -o size=$1 tmpfs "$2" || exit 99
        dotnet "$3" run "$4" --out "$2/run" --plugins "$5" --threads 1 --max-steps-per-stage 3 --set checkpoints.everySteps=1 2>&1 >/dev/null
        echo "code $?"
        mount -o remount,size=64m "$2"
        dotnet "$3" resume "$2/run" 2>&1 >/dev/null
        echo "code $?"
        cp "$2/run/student-last.safetensors" "$6"
        """;

    [SkippableFact]
    public async Task A_full_disk_is_one_message_and_the_run_goes_on_when_there_is_room()
    {
        var disk = Directory.CreateDirectory(_kd.At("disk")).FullName;
        var student = _kd.At("student.safetensors");
        var start = new ProcessStartInfo("unshare") { RedirectStandardOutput = true, RedirectStandardError = true };
        string[] words =
        [
            "-rm",
            "sh",
            "-c",
            OnASmallDisk,
            "sh",
            "2m",
            disk,
            Kd.Program,
            _kd.TinyRecipe(),
            Kd.Plugins,
            student,
        ];
        foreach (var word in words)
            start.ArgumentList.Add(word);
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Skip.If(process.ExitCode == 99 || output.Length == 0, "No file system can be mounted here.");
        // libtorch warns on this stream where it lacks a library for the processor.
        var lines = output
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(l => !l.StartsWith("[W", StringComparison.Ordinal))
            .ToArray();
        Assert.StartsWith("KDP0603 ", lines[0]);
        Assert.Equal(["code 6", "code 0"], lines.Where(l => l.StartsWith("code ")));
        string[] whole = ["run", _kd.TinyRecipe(), "--out", _kd.At("whole"), "--plugins", Kd.Plugins];
        // The file says which recipe it is of.
        string[] alike = ["--threads", "1", "--max-steps-per-stage", "3", "--set", "checkpoints.everySteps=1"];
        Assert.Equal(0, Kd.Call([.. whole, .. alike]).ExitCode);
        Assert.Equal(
            SHA256.HashData(File.ReadAllBytes(_kd.At("whole/student-last.safetensors"))),
            SHA256.HashData(File.ReadAllBytes(student))
        );
    }
}
