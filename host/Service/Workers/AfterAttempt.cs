using KdPlugins.Host.Service.Processes;
using KdPlugins.Host.Service.Queue;
using KdPlugins.Torch;

namespace KdPlugins.Host.Service.Workers;

/// <summary>What becomes of a run after an attempt: a pure function, so that every case can be looked up and tested.</summary>
internal static class AfterAttempt
{
    /// <summary>The job as it stands after the attempt.</summary>
    internal static Job Decide(Job job, WorkerEnd end, ServiceOptions options, DateTimeOffset now)
    {
        job = job with { RanSeconds = job.RanSeconds + end.Seconds, ExitCode = end.ExitCode };
        Job Over(JobState state, string message) => job with { State = state, Ended = now, Message = message };
        Job Again(string message) => job with { State = JobState.Queued, Message = message };

        // Done is done, whatever was asked for meanwhile; but a plugin that ends the process does not end the run.
        if (end is { ExitCode: ExitCodes.Done, Farewell: "done" })
            return Over(JobState.Done, "") with { Failures = 0 };
        if (job.CancelRequested || end.Why == EndReason.Cancel)
            return Over(JobState.Cancelled, "Cancelled.");
        return end.Why switch
        {
            EndReason.TimeLimit => Over(
                JobState.Failed,
                $"Its time limit of {job.TimeLimitSeconds:0.#} s is used up; its last checkpoint is kept."
            ),
            EndReason.Drain => Again("The service ended while it ran; it goes on from its last checkpoint."),
            // One that comes no further each time is what fills the disk.
            EndReason.Disk when end.Progressed => Again("It waits for disk space.") with
            {
                NotBefore = now.AddSeconds(options.BackOffSeconds),
            },
            EndReason.None when end.Farewell == "stopped" => Again(
                "Somebody stopped its worker; it goes on from its last checkpoint."
            ),
            _ => AfterFailure(job, end, options, now),
        };
    }

    private static Job AfterFailure(Job job, WorkerEnd end, ServiceOptions options, DateTimeOffset now)
    {
        var what = Describe(end, options);
        if (IsFinal(end))
            return job with { State = JobState.Failed, Ended = now, Message = what };
        var failures = end.Progressed ? 1 : job.Failures + 1;
        if (failures >= options.MaxFailures)
            return job with
            {
                State = JobState.Failed,
                Ended = now,
                Failures = failures,
                Message = $"{what} That was failure {failures} without a new checkpoint in between.",
            };
        var pause = Math.Min(options.BackOffSeconds * Math.Pow(2, failures - 1), options.MaxBackOffSeconds);
        return job with
        {
            State = JobState.Queued,
            Failures = failures,
            NotBefore = now.AddSeconds(pause),
            Message = $"{what} Attempt {job.Attempts + 1} follows after {pause:0.#} s.",
        };
    }

    // Another attempt would end the same way: recipe, plugins, data and divergence do not change by themselves.
    private static bool IsFinal(WorkerEnd end) =>
        end.Why == EndReason.None
        && end.ExitCode is ExitCodes.BadRecipe or ExitCodes.PluginRefused or ExitCodes.Damaged or ExitCodes.Diverged;

    private static string Describe(WorkerEnd end, ServiceOptions options) =>
        end.Why switch
        {
            EndReason.Memory => Say(ServiceErrors.WorkerMemory, "The worker took more memory than it may."),
            EndReason.Stall => Say(
                ServiceErrors.WorkerStalled,
                $"The worker said nothing for {options.StallSeconds:0.#} s."
            ),
            EndReason.Disk => Say(ServiceErrors.DiskFilled, "The disk became nearly full while it ran."),
            _ when end.Message.Length > 0 => end.Message,
            _ when end.ExitCode > 128 => Say(
                ServiceErrors.WorkerEnded,
                $"The worker was ended by signal {end.ExitCode - 128}."
            ),
            _ => Say(
                ServiceErrors.WorkerEnded,
                $"The worker ended with exit code {end.ExitCode} before the run was complete."
            ),
        };

    private static string Say(ErrorCode code, string what) => new KdException(code, what).Message;
}
