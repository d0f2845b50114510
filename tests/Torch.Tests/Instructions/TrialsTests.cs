using System.Diagnostics;
using KdPlugins.Torch.Native;
using Xunit;

namespace KdPlugins.Torch.Tests.Instructions;

/// <summary>Trials whose children are shell scripts that say what a child would: each way to fail leads to the next limit.</summary>
public sealed class TrialsTests
{
    private const string Right = "echo try 0 a; echo try 1 b; echo done 7";

    private readonly List<(string Limit, int First)> started = [];

    private Trials With(params (string Limit, string Script)[] children) => With(TimeSpan.FromSeconds(30), children);

    private Trials With(TimeSpan patience, params (string Limit, string Script)[] children) =>
        new(
            [.. children.Select(c => c.Limit)],
            (limit, first) =>
            {
                started.Add((limit, first));
                return new ProcessStartInfo("/bin/sh", ["-c", children.Single(c => c.Limit == limit).Script])
                {
                    Environment = { ["FIRST"] = $"{first}" },
                };
            },
            patience
        );

    [Fact]
    public void The_first_that_is_wholly_right_is_taken_and_the_rest_is_not_tried()
    {
        var trials = With(("A", Right), ("B", Right)).Make();

        Assert.Equal("A", Trials.Best(trials)!.Limit);
        Assert.Equal(7, Assert.Single(trials).Milliseconds);
        Assert.True(trials[0].IsRight);
    }

    [Fact]
    public void Where_asked_all_are_tried_and_the_first_right_one_is_taken() =>
        Assert.Equal(
            "B",
            Best(With(("A", "echo try 0 a; echo wrong a is off; echo done 1"), ("B", Right), ("C", Right)), all: true)
        );

    [Theory]
    [InlineData("echo try 0 a; echo wrong the result is 12 % off; echo done 3", "the result is 12 % off")]
    [InlineData("echo try 0 a; echo wrong the result is not finite; echo done 3", "the result is not finite")]
    [InlineData("echo try $FIRST shape $FIRST; kill -SEGV $$", "shape 0 ends the process with code 139")]
    [InlineData("echo try $FIRST shape $FIRST; exit 0", "shape 0 ends the process with code 0")]
    public void A_fault_leads_to_the_next_limit(string script, string said)
    {
        var trials = With(("A", script), ("B", Right)).Make();

        Assert.Equal("B", Trials.Best(trials)!.Limit);
        Assert.Equal(2, trials.Count);
        Assert.Equal(said, trials[0].Faults[0]);
    }

    [Fact]
    public void A_child_that_hangs_is_killed_and_leads_to_the_next_limit()
    {
        var trials = With(TimeSpan.FromMilliseconds(300), ("A", "echo try $FIRST a; sleep 600"), ("B", Right)).Make();

        Assert.Equal("B", Trials.Best(trials)!.Limit);
        Assert.Equal("a hangs", trials[0].Faults[0]);
    }

    [Fact]
    public void Behind_a_shape_that_ends_the_process_the_next_child_goes_on()
    {
        var trials = With(
                (
                    "A",
                    "if [ $FIRST = 0 ]; then echo try 0 a; echo try 1 b; kill -ABRT $$; else echo try 2 c; echo done 5; fi"
                )
            )
            .Make();

        Assert.Equal([("A", 0), ("A", 2)], started);
        Assert.Equal(["b ends the process with code 134"], trials[0].Faults);
        Assert.True(trials[0].IsWhole);
        Assert.False(trials[0].IsRight);
    }

    [Fact]
    public void One_that_dies_again_and_again_is_given_up()
    {
        var trials = With(("A", "echo try $FIRST a; kill -ABRT $$"), ("B", Right)).Make();

        Assert.False(trials[0].IsWhole);
        Assert.Equal([0, 1, 2, 3, 0], started.Select(s => s.First));
    }

    [Fact]
    public void Where_none_is_right_it_is_the_one_with_the_fewest_faults()
    {
        const string many = "echo try 0 a; echo wrong 1; echo wrong 2; echo wrong 3; echo done 3";
        const string few = "echo try 0 a; echo wrong 1; echo done 3";
        const string broken = "echo try $FIRST a; kill -ABRT $$";

        Assert.Equal("B", Best(With(("A", many), ("B", few), ("C", broken))));
    }

    [Fact]
    public void What_is_wrong_everywhere_is_not_tried_to_its_end()
    {
        var trials = With(("A", "i=0; while true; do echo try 0 a; echo wrong $i; i=$((i+1)); done"), ("B", Right))
            .Make();

        Assert.False(trials[0].IsWhole);
        Assert.InRange(trials[0].Faults.Count, 20, 100);
        Assert.Equal("B", Trials.Best(trials)!.Limit);
    }

    [Theory]
    [InlineData("exit 1")]
    [InlineData("echo Could not load the framework.; exit 134")]
    public void A_child_that_never_begins_says_nothing_of_the_instructions(string script) =>
        Assert.Empty(With(("A", script), ("B", Right)).Make());

    [Fact]
    public void A_program_that_is_not_there_says_nothing_either() =>
        Assert.Empty(
            new Trials(["A"], (_, _) => new ProcessStartInfo("/nowhere/program"), TimeSpan.FromSeconds(9)).Make()
        );

    [Fact]
    public void What_a_program_prints_besides_is_not_taken_for_an_answer() =>
        Assert.True(With(("A", $"echo hello; echo try; echo; {Right}")).Make()[0].IsRight);

    [Fact]
    public void This_very_program_can_be_a_child_and_computes_every_shape()
    {
        var trial = Assert.Single(new Trials(["DEFAULT"], Child.For, TimeSpan.FromSeconds(120)).Make());

        Assert.True(trial.IsWhole || trial.Faults.Count > 0);
    }

    private static string Best(Trials trials, bool all = false) => Trials.Best(trials.Make(all))!.Limit;
}
