using KdPlugins.Testing;

namespace KdPlugins.Authors.Tests.Kit;

/// <summary>Single checks, chosen in code and from outside.</summary>
public sealed class FilterTests
{
    private static readonly ConformanceSuite Suite = Conformance.Loss<StoppedLoss>();

    [Fact]
    public void Checks_are_chosen_by_name_and_by_pattern()
    {
        Assert.Equal(["gradient"], Suite.Only("gradient").Checks.Select(c => c.Name));
        Assert.Equal(
            ["memory", "wrong shapes", "wrong targets"],
            Suite.Only("wrong*", "memory").Checks.Select(c => c.Name)
        );
        Suite.Only("memory").Verify();
        Assert.Throws<ConformanceException>(() => Suite.Only("gradient").Verify());
    }

    [Fact]
    public void An_unknown_check_is_refused_with_all_names() =>
        Assert.Contains(
            "No check is called 'gradeint'; there are: composition, options, calls, golden values, gradient",
            Assert.Throws<ArgumentException>(() => Suite.Only("gradeint")).Message
        );

    [Fact]
    public void The_environment_chooses_checks_of_a_whole_test_run()
    {
        Environment.SetEnvironmentVariable("KD_CHECKS", "memory, dty*");
        try
        {
            var outcomes = Suite.Verify();
            Assert.True(outcomes["gradient"].IsSkipped);
            Assert.Contains("left out: KD_CHECKS names 'memory', 'dty*'", outcomes["gradient"].Detail);
            Assert.False(outcomes["dtypes"].IsSkipped);
        }
        finally
        {
            Environment.SetEnvironmentVariable("KD_CHECKS", null);
        }
        Assert.Throws<ConformanceException>(() => Suite.Verify());
    }
}
