using KdPlugins.Torch;
using Xunit;

namespace KdPlugins.Core.Tests.Runs;

/// <summary>One fault at every single file operation of a save that also deletes an older checkpoint.</summary>
public sealed class CheckpointFaultTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _prepared;
    private readonly int _operations;

    public CheckpointFaultTests()
    {
        _prepared = _folder["prepared"];
        using (RunFolder run = RunFolder.Create(_prepared, Samples.Recipe))
        {
            Samples.Save(run, 1);
            Samples.Save(run, 2);
        }
        var counting = new FaultyFiles(Fault.Death, -1);
        SaveThird("counted", counting);
        _operations = counting.Operations;
        Assert.True(_operations > 25, $"{_operations} operations");
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Fault.Death)]
    [InlineData(Fault.DeathInside)]
    [InlineData(Fault.PowerLoss)]
    public void A_save_that_dies_at_any_operation_leaves_the_previous_or_the_new_checkpoint_whole(Fault fault)
    {
        var resumedFrom = new HashSet<long>();
        for (int at = 0; at < _operations; at++)
        {
            string name = $"{fault}-{at}";
            var files = new FaultyFiles(fault, at);
            Assert.Throws<SimulatedDeath>(() => SaveThird(name, files));
            files.Reboot();
            resumedFrom.Add(AssertResumable(_folder[name]));
        }
        Assert.Equal([2, 3], resumedFrom.Order());
    }

    [Theory]
    [InlineData(Fault.DiskFull, "KDP0603")]
    [InlineData(Fault.Refusal, "KDP0604")]
    public void A_save_that_fails_at_any_operation_says_so_and_loses_nothing(Fault fault, string code)
    {
        for (int at = 0; at < _operations; at++)
        {
            string name = $"{fault}-{at}";
            var files = new FaultyFiles(fault, at);
            KdException failure = Assert.Throws<KdException>(() => SaveThird(name, files));
            Assert.Equal(code, failure.Code.Id);
            Assert.Contains(_folder[name], failure.Message);
            AssertResumable(_folder[name]);
        }
    }

    private void SaveThird(string name, FaultyFiles files)
    {
        TemporaryFolder.Copy(_prepared, _folder[name]);
        var switched = new SwitchableFiles(files);
        using var run = RunFolder.Open(_folder[name], switched, TimeProvider.System);
        switched.On = true;
        Samples.Save(run, 3);
    }

    /// <summary>Checks that the run goes on and ends up as if nothing had happened; gives the step it went on from.</summary>
    private static long AssertResumable(string path)
    {
        using RunFolder run = RunFolder.Open(path);
        string latest = File.ReadAllText(Path.Combine(run.CheckpointsPath, "latest"));
        Checkpoint.Open(Path.Combine(run.CheckpointsPath, latest)).Dispose();
        long step;
        using (LoadedCheckpoint found = Samples.Load(run, strict: true))
        {
            step = found.Position.Step;
            Samples.AssertIsOf(step, found);
            Assert.InRange(step, 2, 3);
        }
        Samples.Save(run, step + 1);
        Assert.Equal([step + 1, step], Checkpoint.List(path).Select(info => info.Position.Step));
        Assert.Equal(3, Directory.GetFileSystemEntries(run.CheckpointsPath).Length);
        return step;
    }
}
