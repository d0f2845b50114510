using KdPlugins.Torch.Native;
using Xunit;

namespace KdPlugins.Torch.Tests.Native;

/// <summary>Start-up as a user meets it: a whole process, once.</summary>
public class ProcessStartTests
{
    private static bool NeedsRelaxing => RequirementRelaxer.SystemCxx().Highest < new Version(3, 4, 32);

    [Fact]
    public async Task A_variable_that_points_nowhere_falls_back_and_is_reported()
    {
        using var cache = Places.NewFolder();
        var result = await Probe.Run("start", ("KD_LIBTORCH", "/no/such"), ("XDG_CACHE_HOME", cache.Path));
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.Equal("package folder", result.Facts.Source);
        Assert.Equal("KD_LIBTORCH (/no/such): the folder does not exist", result.Facts.Refusals[0]);
        Assert.Equal(30f, result.Facts.Sum);
        // The empty cache was filled with one file, nothing else was written.
        Assert.Equal(NeedsRelaxing ? 1 : 0, Directory.GetFiles(cache.Path, "*", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public async Task A_variable_that_points_at_libtorch_wins_and_no_second_libtorch_is_mapped()
    {
        using var linked = Places.LinkedLibTorch();
        var result = await Probe.Run("start", ("KD_LIBTORCH", linked.Path));
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.Equal("KD_LIBTORCH", result.Facts.Source);
        Assert.Equal(linked.Path, result.Facts.LibTorchFolder);
        Assert.Empty(result.Facts.Refusals);
        Assert.Single(result.Facts.Mapped, m => m.EndsWith("/libtorch_cpu.so", StringComparison.Ordinal));
        Assert.Single(result.Facts.Mapped, m => m.EndsWith("/libLibTorchSharp.so", StringComparison.Ordinal));
    }

    [SkippableFact]
    public async Task A_cache_that_cannot_be_written_is_replaced_by_a_temporary_file_that_is_gone_afterwards()
    {
        Skip.IfNot(NeedsRelaxing, "this system loads the original, nothing is cached");
        using var folder = Places.NewFolder();
        File.WriteAllText(folder.File("file"), "");
        Directory.CreateDirectory(folder.File("tmp"));
        var result = await Probe.Run("start", ("XDG_CACHE_HOME", folder.File("file")), ("TMPDIR", folder.File("tmp")));
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.StartsWith(folder.File("tmp"), result.Facts.LibTorchSharpPath);
        Assert.Empty(Directory.GetDirectories(folder.File("tmp"), "kdplugins-*"));
    }

    [SkippableFact]
    public async Task A_damaged_cached_copy_is_replaced_before_it_is_loaded()
    {
        Skip.IfNot(NeedsRelaxing, "this system loads the original, nothing is cached");
        using var cache = Places.NewFolder();
        var image = RequirementRelaxer.Relax(Places.ShimBytes, RequirementRelaxer.SystemCxx().Highest).Image!;
        var entry = LibraryCache.Provide(image, NativeLoader.LibTorchSharp, cache.File("kdplugins/native"));
        var damaged = (byte[])image.Clone();
        Array.Clear(damaged, 4096, 100_000);
        File.WriteAllBytes(entry.Path, damaged);
        var result = await Probe.Run("start", ("XDG_CACHE_HOME", cache.Path));
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.Equal(entry.Path, result.Facts.LibTorchSharpPath);
        Assert.Equal(image, File.ReadAllBytes(entry.Path));
    }

    [Fact]
    public async Task Several_processes_start_at_once_on_an_empty_cache()
    {
        using var cache = Places.NewFolder();
        var results = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(_ => Probe.Run("start", ("XDG_CACHE_HOME", cache.Path)))
        );
        Assert.All(results, r => Assert.Equal((0, "", 30f), (r.ExitCode, r.Errors, r.Facts.Sum)));
        Assert.Equal(NeedsRelaxing ? 1 : 0, Directory.GetFiles(cache.Path, "*", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public async Task Without_any_libtorch_there_is_one_message_and_no_trace_of_TorchSharp()
    {
        using var empty = Places.NewFolder();
        var result = await Probe.Run(
            "start",
            ("NUGET_PACKAGES", empty.File("nuget")),
            ("HOME", empty.Path),
            // The folder of the build, and one that it fell back to.
            ("PROBE_PACKAGE_ROOT", $"{empty.File("root")}/;{empty.File("fallback")}"),
            ("KD_LIBTORCH", empty.Path)
        );
        Assert.Equal(3, result.ExitCode);
        Assert.Equal("", result.Output);
        Assert.StartsWith("KDP0001 No usable libtorch 2.10.0 was found. Looked at:\n  - KD_LIBTORCH (", result.Errors);
        foreach (
            var place in (string[])
                [
                    $"{empty.File("nuget")}/libtorch",
                    $"{empty.File("root")}/libtorch",
                    $"{empty.File("fallback")}/libtorch",
                    $"{empty.Path}/.nuget/packages/libtorch",
                ]
        )
            Assert.Contains(place, result.Errors);
        Assert.DoesNotContain("   at ", result.Errors);
        Assert.DoesNotContain("LoadNativeBackend", result.Errors);
    }

    [Fact]
    public void No_output_folder_holds_libtorch()
    {
        var heavy = Directory
            .EnumerateFiles(AppContext.BaseDirectory, "*", SearchOption.AllDirectories)
            .Where(f => Path.GetFileName(f).Contains("torch_cpu") || Path.GetFileName(f).Contains("LibTorchSharp"));
        Assert.Empty(heavy);
        // TorchSharp's own loader would have consolidated its libraries here.
        Assert.False(Directory.Exists(Path.Combine(AppContext.BaseDirectory, "cpu")));
    }
}
