using KdPlugins.Torch;
using Xunit;

namespace KdPlugins.Core.Tests.Runs;

/// <summary>Checkpoints that earlier releases wrote (see Fixtures/README.md) are read forever.</summary>
public sealed class OldVersionTests
{
    [Fact]
    public void A_checkpoint_of_version_1_0_is_read()
    {
        string path = Path.Combine(AppContext.BaseDirectory, "Runs", "Fixtures", "v1.0", "000001-distil-3");
        using LoadedCheckpoint found = Checkpoint.Open(path);
        Samples.AssertIsOf(3, found);
        Assert.Equal(0.75, found.Info.Score);
        Assert.True(found.Info.IsStageEnd);
        Assert.Equal(new FixedTime().GetUtcNow(), found.Info.Created);
        Assert.Empty(found.Identity.Contradictions(Samples.Identity));
        Assert.Empty(found.Identity.EnvironmentChanges(Samples.Identity));
    }

    [Fact]
    public void A_run_goes_on_from_a_checkpoint_of_version_1_0()
    {
        using var folder = new TemporaryFolder();
        using RunFolder run = RunFolder.Create(folder["run"], Samples.Recipe);
        TemporaryFolder.Copy(Path.Combine(AppContext.BaseDirectory, "Runs", "Fixtures", "v1.0"), run.CheckpointsPath);
        using (LoadedCheckpoint found = Samples.Load(run, strict: true))
        {
            Samples.AssertIsOf(3, found);
        }
        Assert.Equal("000002-distil-4", Samples.Save(run, 4).Name);
    }
}
