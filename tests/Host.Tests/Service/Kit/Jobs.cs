using KdPlugins.Host.Service.Queue;

namespace KdPlugins.Host.Tests.Service;

/// <summary>Jobs for tests.</summary>
internal static class Jobs
{
    internal static readonly DateTimeOffset Now = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    internal static JobRequest Request(int priority = 0, double limit = 0) =>
        new("{}", "/", [], 0, priority, limit, "test");

    internal static Job Running(int failures = 0, bool cancel = false) =>
        new(
            "20260101-000000-abcdef-tiny",
            1,
            "tiny",
            JobState.Running,
            0,
            Now,
            null,
            Now,
            null,
            1,
            failures,
            0,
            0,
            "auto",
            null,
            null,
            "",
            "test",
            cancel
        );
}

/// <summary>A clock that tests move.</summary>
internal sealed class TestClock : TimeProvider
{
    internal DateTimeOffset Now { get; set; } = Jobs.Now;

    public override DateTimeOffset GetUtcNow() => Now;
}
