using KdPlugins.Core;
using KdPlugins.Host.Commands;
using KdPlugins.Host.Commands.Run;
using KdPlugins.Host.Texts;
using Spectre.Console;
using Progress = KdPlugins.Core.Progress;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>What a run shows while it goes on.</summary>
public sealed class DisplayTests
{
    private readonly StringWriter _output = new();
    private readonly Clock _clock = new();

    private Screen Screen => new(_output, TextWriter.Null, IsTerminal: false, Json: false, Verbose: false);

    private static Progress At(long step) => new("distil", step, 40, 10);

    private static Dictionary<string, double> Loss(double value) => new() { ["loss"] = value };

    private static Evaluation Found(double accuracy) =>
        new(
            "student",
            "validation",
            64,
            [new(new("accuracy", MeterValue.Share, true), accuracy), new(new("loss", "nats", false), 1)],
            "accuracy",
            []
        );

    [Fact]
    public void Plain_lines_come_per_epoch_and_every_ten_seconds()
    {
        var display = new PlainDisplay(Screen, 1, _clock);
        display.StageStarted(At(0));
        for (var step = 1; step <= 10; step++)
        {
            _clock.Advance(2.5);
            display.StepDone(At(step), step == 10 ? Loss(0.25) : null, 12.3);
        }
        display.Evaluated(At(10), Found(0.5));
        var lines = _output.ToString().TrimEnd().Split('\n').Select(l => l.TrimEnd()[9..]).ToList();
        Assert.Equal(
            [
                "distil: 4 epochs, 40 steps",
                "distil: epoch 1/4, step 4/40, 12 images/s, 1:30 left",
                "distil: epoch 1/4, step 8/40, 12 images/s, 1:20 left",
                "distil: epoch 1/4, step 10/40, 12 images/s, loss 0.25, 1:15 left",
                "distil: student on validation: accuracy 50.00 %, loss 1",
            ],
            lines
        );
    }

    [Fact]
    public void Stages_without_epochs_do_not_give_a_line_per_step()
    {
        var display = new PlainDisplay(Screen, 1, _clock);
        for (var step = 0; step < 5; step++)
            display.StepDone(new("dream", step, 100, 1), Loss(1), 1);
        Assert.Empty(_output.ToString());
    }

    [Fact]
    public void A_resumed_stage_is_timed_from_where_it_goes_on()
    {
        var clock = new StageClock(_clock);
        clock.Start(At(20));
        Assert.Null(clock.Left(At(20)));
        _clock.Advance(10);
        Assert.Equal(TimeSpan.FromSeconds(10), clock.Left(At(30)));
    }

    [Fact]
    public void Json_lines_name_what_is_no_number()
    {
        var display = new JsonDisplay(Screen);
        display.StepDone(At(10), Loss(double.NaN), 5);
        display.StepDone(At(11), null, 5);
        var line = Assert.Single(new KdResult(0, _output.ToString(), "").Lines);
        Assert.Equal("NaN", line["values"]!["loss"]!.GetValue<string>());
    }

    [Fact]
    public void A_terminal_gets_a_bar_per_stage_with_its_figures()
    {
        var console = AnsiConsole.Create(
            new()
            {
                Ansi = AnsiSupport.Yes,
                Interactive = InteractionSupport.Yes,
                Out = new AnsiConsoleOutput(_output),
            }
        );
        console.Profile.Width = 160;
        var display = new TerminalDisplay(console, 1);
        display.During(() =>
        {
            display.RunStarted(1, "run");
            display.StageStarted(At(0));
            display.Evaluated(At(10), Found(0.75));
            display.StepDone(At(40), Loss(0.125), 321);
        });
        foreach (var part in (string[])["distil", "100%", "321 images/s", "loss 0.125", "student 75.00 %"])
            Assert.Contains(part, _output.ToString());
    }

    [Fact]
    public void Tables_align_their_columns()
    {
        var table = new TextTable("a", "bb").Add("longer", "x").Add("s", "");
        Assert.Equal(["a       bb", "------  --", "longer  x", "s"], table.ToString().Split(Environment.NewLine));
    }

    private sealed class Clock : TimeProvider
    {
        private long _now;

        internal void Advance(double seconds) => _now += (long)(seconds * TimestampFrequency);

        public override long GetTimestamp() => _now;
    }
}
