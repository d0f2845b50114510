using System.Diagnostics;
using KdPlugins.Torch.Weights;
using Xunit;

namespace KdPlugins.Torch.Tests.Files;

/// <summary>Only plain files are opened: whatever would wait, or never end, is refused at once.</summary>
public sealed class PlainFileTests : IDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(20);
    private readonly string _folder = Directory.CreateTempSubdirectory("kd-plain-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string At(string name) => Path.Combine(_folder, name);

    private string Pipe()
    {
        Process.Start("mkfifo", [At("pipe")]).WaitForExit();
        return At("pipe");
    }

    // On a thread of its own: what waits for ever fails the test instead of holding it.
    private static Exception Refusal(Action open)
    {
        var task = Task.Run(() => Record.Exception(open));
        Assert.True(task.Wait(Soon), "It waits.");
        return Assert.IsAssignableFrom<Exception>(task.Result);
    }

    [Fact]
    public void A_pipe_a_device_and_a_link_to_one_are_refused()
    {
        var pipe = Pipe();
        File.CreateSymbolicLink(At("link"), pipe);
        foreach (var path in (string[])[pipe, At("link"), "/dev/zero", "/dev/null"])
        foreach (var open in (Action[])[() => PlainFile.Open(path), () => PlainFile.ReadBytes(path, 10)])
            Assert.Contains("not a plain file", Assert.IsType<IOException>(Refusal(open)).Message);
    }

    [Fact]
    public void So_are_they_as_weights()
    {
        foreach (var path in (string[])[Pipe(), "/dev/zero"])
            Assert.Equal("KDP0500", Assert.IsType<KdException>(Refusal(() => WeightFile.Open(path))).Code.Id);
    }

    [Fact]
    public void What_is_not_there_or_a_folder_is_told_as_the_framework_does()
    {
        Assert.IsType<FileNotFoundException>(Refusal(() => PlainFile.Open(At("none"))));
        Assert.IsType<DirectoryNotFoundException>(Refusal(() => PlainFile.Open(At("none/none"))));
        Assert.IsType<UnauthorizedAccessException>(Refusal(() => PlainFile.Open(_folder)));
        Assert.IsType<ArgumentException>(Refusal(() => PlainFile.Open("")));
    }

    [Fact]
    public void A_file_is_read_up_to_its_bound()
    {
        File.WriteAllText(At("file"), "\uFEFFäbc");

        Assert.Equal("äbc", PlainFile.ReadText(At("file"), 7));
        Assert.Equal(7, PlainFile.ReadBytes(At("file"), 7).Length);
        Assert.Contains("has 7 bytes; at most 6", Refusal(() => PlainFile.ReadBytes(At("file"), 6)).Message);
        // Says that it has no bytes.
        Assert.StartsWith("Name:", PlainFile.ReadText("/proc/self/status", 1 << 20));
        Assert.IsType<IOException>(Refusal(() => PlainFile.ReadBytes("/proc/self/status", 100)));
    }
}
