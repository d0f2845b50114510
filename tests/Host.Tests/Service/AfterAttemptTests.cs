using KdPlugins.Host.Service;
using KdPlugins.Host.Service.Processes;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Host.Service.Workers;

namespace KdPlugins.Host.Tests.Service;

/// <summary>What becomes of a run after an attempt.</summary>
public sealed class AfterAttemptTests
{
    private static readonly ServiceOptions Options = new()
    {
        MaxFailures = 3,
        BackOffSeconds = 5,
        MaxBackOffSeconds = 12,
    };

    private static Job After(
        Job job,
        int exitCode,
        int why = 0,
        bool progressed = false,
        string message = "",
        string farewell = ""
    ) => AfterAttempt.Decide(job, new(exitCode, (EndReason)why, message, progressed, 7, farewell), Options, Jobs.Now);

    [Fact]
    public void Done_is_done_even_where_it_was_cancelled_meanwhile()
    {
        // It has run before.
        var after = After(Jobs.Running(cancel: true) with { RanSeconds = 5 }, ExitCodes.Done, farewell: "done");
        Assert.Equal((JobState.Done, 12.0, 0), (after.State, after.RanSeconds, after.ExitCode));
        Assert.Equal(Jobs.Now, after.Ended);
    }

    [Theory]
    [InlineData(ExitCodes.BadRecipe)]
    [InlineData(ExitCodes.PluginRefused)]
    [InlineData(ExitCodes.Damaged)]
    [InlineData(ExitCodes.Diverged)]
    public void What_another_attempt_would_not_mend_fails_at_once(int exitCode)
    {
        var after = After(Jobs.Running(), exitCode, message: "KDP0701 the loss is NaN");
        Assert.Equal((JobState.Failed, "KDP0701 the loss is NaN"), (after.State, after.Message));
    }

    [Fact]
    public void Crashes_are_tried_again_with_growing_pauses_up_to_the_limit()
    {
        var first = After(Jobs.Running(), 139);
        Assert.Equal((JobState.Queued, 1, Jobs.Now.AddSeconds(5)), (first.State, first.Failures, first.NotBefore));
        Assert.Contains("signal 11", first.Message);
        var second = After(first, 139);
        Assert.Equal((JobState.Queued, 2, Jobs.Now.AddSeconds(10)), (second.State, second.Failures, second.NotBefore));
        var third = After(second, 139);
        Assert.Equal((JobState.Failed, 3), (third.State, third.Failures));
    }

    [Fact]
    public void A_new_checkpoint_begins_the_count_anew_and_pauses_have_a_longest()
    {
        Assert.Equal((JobState.Queued, 1), Short(After(Jobs.Running(failures: 2), 137, progressed: true)));
        var options = new ServiceOptions
        {
            MaxFailures = 100,
            BackOffSeconds = 5,
            MaxBackOffSeconds = 12,
        };
        var after = AfterAttempt.Decide(
            Jobs.Running(failures: 40),
            new(137, EndReason.None, "", false, 1),
            options,
            Jobs.Now
        );
        Assert.Equal(Jobs.Now.AddSeconds(12), after.NotBefore);
    }

    [Theory]
    [InlineData(EndReason.Drain, JobState.Queued)]
    [InlineData(EndReason.Cancel, JobState.Cancelled)]
    [InlineData(EndReason.TimeLimit, JobState.Failed)]
    public void What_the_service_ended_is_no_failure_of_the_run(object why, object state)
    {
        var after = After(Jobs.Running(), ExitCodes.Terminated, (int)(EndReason)why);
        Assert.Equal(((JobState)state, 0), Short(after));
    }

    [Theory]
    [InlineData(EndReason.Memory, "memory")]
    [InlineData(EndReason.Stall, "said nothing")]
    public void What_hung_or_took_too_much_is_a_failure_with_its_reason(object why, string word)
    {
        var after = After(Jobs.Running(), 137, (int)(EndReason)why);
        Assert.Equal((JobState.Queued, 1), Short(after));
        Assert.Contains(word, after.Message);
    }

    [Fact]
    public void A_full_disk_is_a_failure_only_where_the_run_comes_no_further()
    {
        const int Disk = (int)EndReason.Disk;
        Assert.Equal((JobState.Queued, 0), Short(After(Jobs.Running(), ExitCodes.Terminated, Disk, progressed: true)));
        Assert.Equal((JobState.Queued, 1), Short(After(Jobs.Running(), ExitCodes.Terminated, Disk)));
        var last = After(Jobs.Running(failures: 2), ExitCodes.Folder, Disk);
        Assert.Equal((JobState.Failed, 3), Short(last));
        Assert.StartsWith("KDP0911 ", last.Message);
    }

    [Fact]
    public void A_worker_that_somebody_else_stopped_goes_on() =>
        Assert.Equal((JobState.Queued, 0), Short(After(Jobs.Running(), ExitCodes.Terminated, farewell: "stopped")));

    [Theory]
    [InlineData(ExitCodes.Done, "exit code 0")]
    [InlineData(ExitCodes.Terminated, "signal 15")]
    public void A_plugin_that_ends_the_process_as_if_all_were_well_is_a_failure(int exitCode, string word)
    {
        var after = After(Jobs.Running(), exitCode);
        Assert.Equal((JobState.Queued, 1), Short(after));
        Assert.Contains(word, after.Message);
    }

    private static (JobState, int) Short(Job job) => (job.State, job.Failures);
}
