using KdPlugins.Torch;
using Xunit;

namespace KdPlugins.Core.Tests.Runs;

public sealed class ResumeContradictionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly RunFolder _run;

    public ResumeContradictionTests()
    {
        _run = RunFolder.Create(_folder["run"], Samples.Recipe);
        Samples.Save(_run, 1);
    }

    public void Dispose()
    {
        _run.Dispose();
        _folder.Dispose();
    }

    public static TheoryData<string, string, string[]> Changes =>
        new()
        {
            { "recipe", "other", ["the recipe was recipe-hash, is other"] },
            { "plugin", "loss/dkd=other", ["plugin 'loss/dkd' was plugin-hash, is other"] },
            { "plugin", "", ["plugin 'loss/dkd' was plugin-hash, is none"] },
            {
                "plugin",
                "loss/kl=new",
                ["plugin 'loss/dkd' was plugin-hash, is none", "plugin 'loss/kl' was none, is new"]
            },
            { "network", "teacher=0123456789abcdef", ["network 'teacher' was teacher-hash, is 0123456789ab..."] },
            { "data", "train=other", ["data 'train' was data-hash, is other"] },
        };

    [Theory]
    [MemberData(nameof(Changes))]
    public void What_changed_refuses_the_resume_and_is_named(string what, string value, string[] lines)
    {
        RunIdentity now = Changed(what, value);
        KdException failure = Samples.Fails(
            RunErrors.Contradiction,
            () => Checkpoint.LoadNewest(_run, now, new ResumeOptions())
        );
        Assert.All(lines, line => Assert.Contains(line, failure.Message));
        Assert.Equal(lines.Length, Samples.Identity.Contradictions(now).Count);
    }

    [Theory]
    [MemberData(nameof(Changes))]
    public void An_override_resumes_and_is_recorded(string what, string value, string[] lines)
    {
        var options = new ResumeOptions { OverrideContradictions = true };
        using LoadedCheckpoint found = Checkpoint.LoadNewest(_run, Changed(what, value), options);
        Assert.Equal(lines, found.Overridden);
        using (EventLog.Resume(_run, found)) { }
        Assert.Equal(lines, EventLog.Read(_run.Path).Events.Where(e => e.Kind == "override").Select(e => e.Text));
    }

    [Fact]
    public void Another_build_or_libtorch_resumes_and_is_recorded_as_a_reason_for_other_last_bits()
    {
        RunIdentity same = Samples.Identity;
        var now = new RunIdentity(same.Recipe, same.Plugins, same.Networks, same.Data, "0.2.0", "2.11.0 cuda");
        using LoadedCheckpoint found = Checkpoint.LoadNewest(_run, now, new ResumeOptions());
        Assert.Equal(
            ["the build was 0.1.0, is 0.2.0", "libtorch was 2.10.0 cpu, is 2.11.0 cuda"],
            found.EnvironmentChanges
        );
        using (EventLog.Resume(_run, found)) { }
        Assert.Equal(2, EventLog.Read(_run.Path).Events.Count(e => e.Kind == "environment-changed"));
    }

    [Fact]
    public void Without_changes_nothing_is_overridden()
    {
        using LoadedCheckpoint found = Checkpoint.LoadNewest(
            _run,
            Samples.Identity,
            new ResumeOptions { OverrideContradictions = true }
        );
        Assert.Empty(found.Overridden);
        Assert.Empty(found.EnvironmentChanges);
    }

    private static RunIdentity Changed(string what, string value)
    {
        RunIdentity old = Samples.Identity;
        Dictionary<string, string> map = [];
        if (value.Split('=') is [var key, var hash])
        {
            map[key] = hash;
        }
        return new RunIdentity(
            what == "recipe" ? value : old.Recipe,
            what == "plugin" ? map : old.Plugins,
            what == "network" ? map : old.Networks,
            what == "data" ? map : old.Data,
            old.Build,
            old.LibTorch
        );
    }
}
