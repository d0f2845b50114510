using System.Text;
using KdPlugins.Torch.Native;
using Xunit;

namespace KdPlugins.Torch.Tests.Native;

/// <summary>
/// Refusals that can be had without loading a second libtorch into the test process: every one is decided before
/// anything is loaded.
/// </summary>
public class NativeLoaderTests
{
    private static KdException Refused(params NativeCandidate[] candidates) =>
        Assert.Throws<KdException>(() => NativeLoader.Load(candidates, [Path.GetDirectoryName(Places.Shim)!], null));

    private static string RefusalOf(TemporaryFolder folder) =>
        Refused(new NativeCandidate("KD_LIBTORCH", [folder.Path])).Detail;

    [Fact]
    public void A_missing_folder_is_named() =>
        Assert.Contains(
            "KD_LIBTORCH (/no/such): the folder does not exist",
            Refused(new NativeCandidate("KD_LIBTORCH", ["/no/such"])).Detail
        );

    [Theory]
    [InlineData("libc10.so")]
    [InlineData("libtorch_cpu.so")]
    [InlineData("libtorch.so")]
    public void A_missing_library_is_named(string library)
    {
        using var folder = Places.LinkedLibTorch(except: library);
        Assert.Contains($"{library} is missing", RefusalOf(folder));
    }

    [Theory]
    [InlineData("libtorch.so", "text", "libtorch.so is not an ELF library")]
    [InlineData("libc10.so", "arm64", "libc10.so is built for arm64, this process is x86-64")]
    [InlineData("libtorch_cpu.so", "cut", "libtorch_cpu.so is cut short")]
    [InlineData("libtorch_cpu.so", "empty", "libtorch_cpu.so is 0 bytes long")]
    public void A_file_that_is_no_library_for_this_machine_is_named(string library, string fault, string reason)
    {
        using var folder = Places.LinkedLibTorch(except: library);
        var head = Places.ShimBytes[..4096];
        if (fault == "arm64")
            head[18] = 183;
        File.WriteAllBytes(
            folder.File(library),
            fault switch
            {
                "text" => Encoding.ASCII.GetBytes(new string('#', 100)),
                "empty" => [],
                _ => head,
            }
        );
        Assert.Contains(reason, RefusalOf(folder));
    }

    [Fact]
    public void A_libtorch_without_the_functions_that_are_called_is_refused_with_their_names()
    {
        using var folder = Places.LinkedLibTorch(except: "libtorch_cpu.so");
        File.CreateSymbolicLink(folder.File("libtorch_cpu.so"), Path.Combine(Places.LibTorch, "libc10.so"));
        var refusal = RefusalOf(folder);
        Assert.Matches(@"lacks \d{3,} functions that .*libLibTorchSharp\.so calls: _Z\w+, _Z", refusal);
        Assert.True(refusal.Length < 3000, "the list of names has no end");
    }

    [Theory]
    [InlineData("version.py", "__version__ = '2.9.1+cu128'\ndebug = False\n", "2.9.1")]
    [InlineData("build-version", "2.11.0+cpu", "2.11.0")]
    public void Another_version_is_refused_by_what_stands_beside_it(string file, string text, string version)
    {
        using var folder = Places.NewFolder();
        Directory.CreateDirectory(folder.File("lib"));
        foreach (var library in Directory.GetFiles(Places.LibTorch, "lib*.so"))
            File.CreateSymbolicLink(folder.File($"lib/{Path.GetFileName(library)}"), library);
        File.WriteAllText(folder.File(file), text);
        Assert.Contains(
            $"is libtorch {version}, libtorch 2.10.0 is needed",
            Refused(new NativeCandidate("KD_LIBTORCH", [folder.File("lib")])).Detail
        );
    }

    [Theory]
    [InlineData("absent")]
    [InlineData("text")]
    public void A_missing_or_spoilt_LibTorchSharp_is_named(string fault)
    {
        using var folder = Places.NewFolder();
        if (fault == "text")
            File.WriteAllText(folder.File(NativeLoader.LibTorchSharp), new string('x', 100));
        var failure = Assert.Throws<KdException>(() =>
            NativeLoader.Load([new("package folder", [Places.LibTorch], KnownVersion: true)], [folder.Path], null)
        );
        Assert.Contains(
            fault == "text"
                ? "libLibTorchSharp.so is not an ELF library"
                : $"libLibTorchSharp.so is in none of {Places.LibTorch}, {folder.Path}",
            failure.Detail
        );
    }

    [Fact]
    public void A_second_libtorch_is_not_loaded_into_a_process_that_has_one()
    {
        using var folder = Places.LinkedLibTorch(except: "libtorch_cpu.so");
        File.Copy(Path.Combine(Places.LibTorch, "libc10.so"), folder.File("libtorch_cpu.so"));
        Assert.Contains(
            $"{Path.Combine(Places.LibTorch, "libtorch_cpu.so")} is already loaded and cannot be unloaded",
            Refused(new NativeCandidate("package folder", [folder.Path], KnownVersion: true)).Detail
        );
    }

    [Fact]
    public void When_nothing_fits_one_message_lists_every_place_in_order_with_its_reason()
    {
        using var empty = Places.NewFolder();
        var failure = Refused(
            new("KD_LIBTORCH", ["/no/such"]),
            new("application folder", [empty.Path]),
            new("package folder", ["/nor/this"])
        );
        Assert.Equal("KDP0001", failure.Code.Id);
        Assert.Equal(
            $"""
            KDP0001 No usable libtorch 2.10.0 was found. Looked at:
              - KD_LIBTORCH (/no/such): the folder does not exist
              - application folder ({empty.Path}): libc10.so is missing
              - package folder (/nor/this): the folder does not exist
            """,
            failure.Message[..failure.Message.LastIndexOf(" Restore", StringComparison.Ordinal)].TrimEnd(),
            ignoreLineEndingDifferences: true
        );
        Assert.EndsWith(TorchErrors.NativeNotFound.Remedy, failure.Message);
    }

    [Theory]
    [InlineData(
        "/a/libtorch_cuda.so: x\nlibcudart.so.12: cannot open shared object file: No such file",
        "libcudart.so.12"
    )]
    [InlineData("/a/libx.so: cannot open shared object file: No such file or directory", null)]
    [InlineData("libx.so: cannot open shared object file", null)]
    [InlineData("libx.so: version `GLIBCXX_3.4.32' not found", null)]
    [InlineData(": cannot open shared object file", null)]
    public void The_missing_library_is_read_from_the_loaders_words(string message, string? expected) =>
        Assert.Equal(expected, NativeLoader.MissingLibrary(message, "/a/libx.so"));

    [Fact]
    public void The_loaders_own_words_are_kept_and_those_of_the_runtime_are_dropped()
    {
        using var folder = Places.NewFolder();
        File.WriteAllText(folder.File("libx.so"), "text");
        var failure = Assert.Throws<DllNotFoundException>(() =>
            System.Runtime.InteropServices.NativeLibrary.Load(folder.File("libx.so"))
        );
        Assert.Equal($"{folder.File("libx.so")}: file too short", NativeLoader.Reason(failure));
    }
}
