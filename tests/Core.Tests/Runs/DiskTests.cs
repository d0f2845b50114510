using KdPlugins.Torch;
using Xunit;

namespace KdPlugins.Core.Tests.Runs;

/// <summary>A real small volume that becomes full or read-only; skipped where this user cannot mount one.</summary>
public sealed class DiskTests : IDisposable
{
    private const int VolumeMiB = 16;

    private readonly TemporaryFolder _folder = new();
    private readonly string _volume;
    private SmallVolume? _mounted;

    public DiskTests() => _volume = _folder["volume"];

    public void Dispose()
    {
        _mounted?.Dispose();
        _folder.Dispose();
    }

    [SkippableFact]
    public void A_save_that_finds_too_little_room_says_how_much_is_missing_and_writes_nothing()
    {
        Mount();
        using RunFolder run = RunFolder.Create(Path.Combine(_volume, "run"), Samples.Recipe);
        Samples.Save(run, 1);
        File.WriteAllBytes(Path.Combine(_volume, "ballast"), new byte[10 << 20]);
        string[] before = Samples.Tree(_volume);
        KdException failure = Samples.Fails(RunErrors.DiskFull, () => Samples.Save(run, 2));
        Assert.Matches(@"9\.\d MiB are needed for the next save, [4-6]\.\d MiB are free", failure.Message);
        Assert.Equal(before, Samples.Tree(_volume));
        AssertGoesOnAfter(() => File.Delete(Path.Combine(_volume, "ballast")), run);
    }

    [SkippableFact]
    public void A_disk_that_becomes_full_during_a_save_loses_nothing()
    {
        Mount();
        using RunFolder run = RunFolder.Open(CreateWithOne(), new Optimist(), TimeProvider.System);
        KdException failure = Samples.Fails(
            RunErrors.DiskFull,
            () =>
                Samples.Save(
                    run,
                    2,
                    change: content =>
                        content.Sections["large"] = new Dictionary<string, TorchSharp.torch.Tensor>
                        {
                            ["x"] = TorchSharp.torch.zeros((VolumeMiB + 4L) << 18),
                        }
                )
        );
        Assert.Contains(run.CheckpointsPath, failure.Message);
        AssertGoesOnAfter(() => { }, run);
    }

    [SkippableFact]
    public void Events_on_a_full_disk_are_an_error_and_the_next_one_goes_behind_whole_lines()
    {
        Mount();
        using RunFolder run = RunFolder.Open(CreateWithOne());
        using EventLog log = EventLog.Open(run);
        log.Note("note", "before");
        _mounted!.Fill();
        string filler = new('x', 100_000);
        Samples.Fails(RunErrors.DiskFull, () => log.Note("note", filler));
        _mounted.Empty();
        log.Note("note", "after");
        EventHistory history = EventLog.Read(run.Path);
        Assert.Equal(["before", "after"], history.Events.Select(e => e.Text));
        Assert.Equal(0, history.Unreadable);
    }

    [SkippableFact]
    public void A_run_on_a_read_only_volume_is_one_clear_message_and_can_still_be_looked_at()
    {
        Mount();
        string path = CreateWithOne();
        _mounted!.Remount("ro");
        KdException failure = Samples.Fails(RunErrors.NotWritable, () => RunFolder.Open(path));
        Assert.Contains(path, failure.Message);
        Samples.Fails(RunErrors.NotWritable, () => RunFolder.Create(path + "2", Samples.Recipe));
        Assert.False(RunFolder.IsHeld(path));
        Assert.Equal(RunState.Running, RunFolder.ReadStatus(path).State);
        Checkpoint.Open(Assert.Single(Checkpoint.List(path)).Path).Dispose();
        _mounted.Remount("rw");
        using RunFolder again = RunFolder.Open(path);
        AssertGoesOnAfter(() => { }, again);
    }

    private string CreateWithOne()
    {
        string path = Path.Combine(_volume, "run");
        using RunFolder run = RunFolder.Create(path, Samples.Recipe);
        Samples.Save(run, 1);
        return path;
    }

    private static void AssertGoesOnAfter(Action makeRoom, RunFolder run)
    {
        using (LoadedCheckpoint found = Samples.Load(run, strict: true))
        {
            Samples.AssertIsOf(1, found);
        }
        makeRoom();
        Samples.Save(run, 2);
        using LoadedCheckpoint next = Samples.Load(run, strict: true);
        Samples.AssertIsOf(2, next);
    }

    private void Mount() => _mounted = SmallVolume.Mount(_volume, VolumeMiB);

    /// <summary>The disk, with more room than it has.</summary>
    private sealed class Optimist : IRunFiles
    {
        private readonly IRunFiles _disk = DiskFiles.Instance;

        public void CreateFolder(string path) => _disk.CreateFolder(path);

        public Stream Create(string path) => _disk.Create(path);

        public Stream OpenEnd(string path) => _disk.OpenEnd(path);

        public void Flush(Stream stream) => _disk.Flush(stream);

        public void Cut(Stream stream, long length) => _disk.Cut(stream, length);

        public void Move(string source, string target) => _disk.Move(source, target);

        public void FlushFolder(string path) => _disk.FlushFolder(path);

        public void DeleteFile(string path) => _disk.DeleteFile(path);

        public void DeleteFolder(string path) => _disk.DeleteFolder(path);

        public long FreeBytes(string folder) => long.MaxValue / 2;
    }
}
