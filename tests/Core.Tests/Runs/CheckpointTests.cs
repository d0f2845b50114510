using System.Text.Json.Nodes;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Runs;

public sealed class CheckpointTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly RunFolder _run;

    public CheckpointTests() => _run = RunFolder.Create(_folder["run"], Samples.Recipe, new FixedTime());

    public void Dispose()
    {
        _run.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void What_was_saved_comes_back_with_position_identity_and_description()
    {
        CheckpointInfo saved = Samples.Save(
            _run,
            7,
            change: content =>
            {
                content.Score = 0.1 + 0.2;
                content.IsStageEnd = true;
            }
        );
        using LoadedCheckpoint found = Samples.Load(_run, strict: true);
        Samples.AssertIsOf(7, found);
        Assert.Equal("000001-distil-7", found.Info.Name);
        Assert.Equal(saved.Path, found.Info.Path);
        Assert.Equal(0.1 + 0.2, found.Info.Score);
        Assert.True(found.Info.IsStageEnd);
        Assert.Equal("steps", found.Position.Phase);
        Assert.Equal(new FixedTime().GetUtcNow(), found.Info.Created);
        Assert.Empty(found.Identity.Contradictions(Samples.Identity));
        Assert.Empty(found.Identity.EnvironmentChanges(Samples.Identity));
        Assert.Equal("000001-distil-7", File.ReadAllText(Path.Combine(_run.CheckpointsPath, "latest")));
    }

    [Fact]
    public void Doubles_and_whole_numbers_come_back_bit_for_bit()
    {
        double[] doubles = [double.Epsilon, double.MaxValue, -0.0, 0.1, 1.0 / 3, Math.PI * 1e-300];
        using DisposeScope scope = NewDisposeScope();
        CheckpointContent content = Samples.Content(1);
        content.Facts["doubles"] = new JsonArray([.. doubles.Select(d => (JsonNode)d)]);
        content.Counters["least"] = long.MinValue;
        content.Counters["most"] = long.MaxValue;
        Checkpoint.Save(_run, content, Samples.Identity, new KeepPolicy(1));
        using LoadedCheckpoint found = Samples.Load(_run);
        Assert.Equal(
            doubles.Select(BitConverter.DoubleToInt64Bits),
            found.Facts["doubles"]!.AsArray().Select(d => BitConverter.DoubleToInt64Bits(d!.GetValue<double>()))
        );
        Assert.Equal(long.MinValue, found.Counter("least"));
        Assert.Equal(long.MaxValue, found.Counter("most"));
    }

    [Theory]
    [InlineData("../../escape")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("größe \n ☃")]
    [InlineData("")]
    public void Any_section_name_makes_a_plain_file_in_the_folder(string section)
    {
        using DisposeScope scope = NewDisposeScope();
        CheckpointContent content = Samples.Content(1, stage: section);
        content.Sections[section] = new Dictionary<string, Tensor> { ["x"] = tensor(4.5) };
        CheckpointInfo saved = Checkpoint.Save(_run, content, Samples.Identity, new KeepPolicy(1));
        Assert.Equal(_run.CheckpointsPath, Path.GetDirectoryName(saved.Path));
        Assert.Equal(5, Directory.GetFiles(saved.Path).Length);
        using LoadedCheckpoint found = Samples.Load(_run);
        Assert.Equal(4.5, found.Section(section).ToTensor("x").item<double>());
        Assert.Equal(section, found.Position.Stage);
    }

    [Fact]
    public void A_run_without_checkpoints_has_none_to_resume_from()
    {
        Assert.Null(Samples.Load(_run));
        Assert.Empty(Checkpoint.List(_run.Path));
    }

    [Fact]
    public void A_section_or_counter_that_is_not_there_is_named_with_those_that_are()
    {
        Samples.Save(_run, 1);
        using LoadedCheckpoint found = Samples.Load(_run);
        KdException section = Samples.Fails(RunErrors.SectionMissing, () => found.Section("teacher"));
        Assert.Contains("'teacher'", section.Message);
        Assert.Contains("optimiser/student, student", section.Message);
        KdException counter = Samples.Fails(RunErrors.SectionMissing, () => found.Counter("epochs"));
        Assert.Contains("'epochs'; it has: batches", counter.Message);
    }

    [Fact]
    public void A_checkpoint_that_is_not_there_is_named_with_those_that_are()
    {
        Samples.Save(_run, 1);
        KdException failure = Samples.Fails(
            RunErrors.CheckpointMissing,
            () => Checkpoint.Open(Path.Combine(_run.CheckpointsPath, "000009-distil-9"))
        );
        Assert.Contains("there are: 000001-distil-1", failure.Message);
    }

    [Fact]
    public void The_newest_are_kept_with_every_stages_best_and_its_end()
    {
        double?[] scores = [0.1, 0.9, 0.2, 0.9, null, 0.3, 0.4, 0.1];
        for (int i = 0; i < scores.Length; i++)
        {
            int step = i + 1;
            using DisposeScope scope = NewDisposeScope();
            CheckpointContent content = Samples.Content(step, stage: step <= 5 ? "warm-up" : "distil");
            content.Score = scores[i];
            content.IsStageEnd = step == 5;
            Checkpoint.Save(_run, content, Samples.Identity, new KeepPolicy(1));
        }
        // Of equal scores the newer stays: 4; the end of the first stage: 5; the best of the second: 7; the newest: 8.
        Assert.Equal([8, 7, 5, 4], Checkpoint.List(_run.Path).Select(info => info.Position.Step));
    }

    [Fact]
    public void Best_and_stage_ends_go_where_the_policy_says_so()
    {
        for (int step = 1; step <= 4; step++)
        {
            using DisposeScope scope = NewDisposeScope();
            CheckpointContent content = Samples.Content(step);
            content.Score = -step;
            content.IsStageEnd = true;
            Checkpoint.Save(_run, content, Samples.Identity, new KeepPolicy(2) { Best = false, StageEnds = false });
        }
        Assert.Equal([4, 3], Checkpoint.List(_run.Path).Select(info => info.Position.Step));
    }

    [Fact]
    public void A_policy_of_none_still_keeps_the_newest()
    {
        Samples.Save(_run, 1, keep: 0);
        Samples.Save(_run, 2, keep: -3);
        Assert.Equal([2], Checkpoint.List(_run.Path).Select(info => info.Position.Step));
    }

    [Fact]
    public void A_tensor_that_cannot_be_written_leaves_everything_as_it_was()
    {
        Samples.Save(_run, 1);
        string[] before = Samples.Tree(_run.Path);
        Samples.Fails(
            WeightErrors.WriteInvalid,
            () =>
                Samples.Save(
                    _run,
                    2,
                    change: content =>
                        content.Sections["student"] = new Dictionary<string, Tensor>
                        {
                            ["good"] = zeros(3),
                            ["sparse"] = eye(3).to_sparse(),
                        }
                )
        );
        Assert.Equal(before, Samples.Tree(_run.Path));
        using LoadedCheckpoint found = Samples.Load(_run, strict: true);
        Samples.AssertIsOf(1, found);
    }

    [Fact]
    public void Two_hundred_saves_and_loads_leave_no_file_handle_or_tensor_behind()
    {
        Cycle(1, 5);
        string[] files = Samples.Tree(_run.Path);
        long tensors = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        int handles = OpenHandles();
        Cycle(6, 200);
        Assert.Equal(files.Length, Samples.Tree(_run.Path).Length);
        Assert.Equal(tensors, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.InRange(OpenHandles(), 0, handles + 3); // the runtime's own come and go
    }

    private void Cycle(int first, int count)
    {
        for (int step = first; step < first + count; step++)
        {
            Samples.Save(_run, step);
            using LoadedCheckpoint found = Samples.Load(_run, strict: true);
            Samples.AssertIsOf(step, found);
        }
    }

    private static int OpenHandles() =>
        OperatingSystem.IsLinux() ? Directory.GetFileSystemEntries("/proc/self/fd").Length : 0;
}
