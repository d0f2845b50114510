using KdPlugins.Torch.Native;
using TorchSharp;
using Xunit;

namespace KdPlugins.Torch.Tests.Native;

public class NativeCandidateTests
{
    [Fact]
    public void What_the_user_names_comes_first_then_the_application_then_the_packages_in_order()
    {
        var sources = NativeCandidate.All("/opt/torch/lib", "/app", ["/nuget/a", "/nuget/b"]).ToList();
        Assert.Equal(
            ["KD_LIBTORCH", "application folder", "package folder", "package folder"],
            sources.Select(c => c.Source)
        );
        Assert.Equal(["/opt/torch/lib"], sources[0].Folders);
        Assert.Equal(["/app", "/app/runtimes/linux-x64/native"], sources[1].Folders);
        Assert.Equal(["/nuget/a/libtorch-cpu-linux-x64/2.10.0/runtimes/linux-x64/native"], sources[2].Folders);
        Assert.Equal([false, false, true, true], sources.Select(c => c.KnownVersion));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("  ")]
    public void An_empty_variable_names_no_place(string? value) =>
        Assert.Equal("application folder", NativeCandidate.All(value, "/app", []).First().Source);

    [Fact]
    public void CUDA_packages_come_before_the_CPU_package_of_the_same_root()
    {
        using var root = Places.NewFolder();
        foreach (var part in (string[])["part1", "part2-fragment1"])
            Directory.CreateDirectory(
                root.File($"libtorch-cuda-12.8-linux-x64-{part}/2.10.0/runtimes/linux-x64/native")
            );
        Directory.CreateDirectory(root.File("libtorch-cuda-12.8-linux-x64-part9/2.9.0/runtimes/linux-x64/native"));
        var sources = NativeCandidate.All(null, "/app", [root.Path]).Skip(1).ToList();
        Assert.Equal(["CUDA package folder", "package folder"], sources.Select(c => c.Source));
        Assert.Equal(2, sources[0].Folders.Count);
    }

    [Fact]
    public void LibTorchSharp_is_looked_for_beside_the_application_and_in_the_package_of_this_version()
    {
        var version = torch.NormalizeNuGetVersion(typeof(torch).Assembly.GetName().Version!.ToString());
        Assert.Equal(
            ["/app", "/app/runtimes/linux-x64/native", $"/nuget/torchsharp/{version}/runtimes/linux-x64/native"],
            NativeCandidate.LibTorchSharpFolders("/app", ["/nuget"])
        );
    }

    [Fact]
    public void The_constant_is_the_version_that_TorchSharp_was_built_for() =>
        Assert.Equal(NativeCandidate.LibTorchVersion, torch.NormalizeNuGetVersion(torch.__version__));

    [Fact]
    public void A_file_is_found_in_the_first_folder_that_has_it()
    {
        using var folder = Places.NewFolder();
        Directory.CreateDirectory(folder.File("a"));
        Directory.CreateDirectory(folder.File("b"));
        File.WriteAllText(folder.File("b/x.so"), "");
        File.WriteAllText(folder.File("b/libgomp-2.so.1"), "");
        File.WriteAllText(folder.File("b/libgomp-1.so.1"), "");
        var candidate = new NativeCandidate("test", [folder.File("absent"), folder.File("a"), folder.File("b")]);
        Assert.Equal(folder.File("b/x.so"), candidate.Find("x.so"));
        Assert.Null(candidate.Find("y.so"));
        Assert.Equal(folder.File("b/libgomp-1.so.1"), candidate.FindPattern("libgomp*.so*"));
    }
}
