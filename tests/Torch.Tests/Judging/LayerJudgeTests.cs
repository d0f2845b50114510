using System.Diagnostics;
using System.Text.Json;
using KdPlugins.Torch.Judging;
using KdPlugins.Torch.Native;
using KdPlugins.Torch.Tests.Native;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Judging;

/// <summary>Judges whose children are shell scripts that answer what a child would.</summary>
public sealed class LayerJudgeTests : IDisposable
{
    private const string Ready = "echo layers ready; ";
    private const string Right = """{"Faults":[]}""";
    private const string Wrong =
        """{"Faults":[{"Answer":"output","Off":0.2},{"Answer":"weight gradient","Off":"Infinity"}]}""";

    private static readonly LayerShape Shape = new()
    {
        Input = [4, 3],
        Weight = [2, 3],
        Type = ScalarType.Float32,
    };

    private readonly TemporaryFolder folder = Places.NewFolder();
    private int children;

    public void Dispose() => folder.Dispose();

    private static string Saying(string answer) => $"{Ready}while read line; do echo 'layer {answer}'; done";

    private LayerJudge Judge(string script, string cache = "cache", string machine = "here", int patience = 30_000) =>
        new(
            new LayerWorker(
                () =>
                {
                    children++;
                    return new ProcessStartInfo("/bin/sh", ["-c", script]);
                },
                TimeSpan.FromMilliseconds(patience)
            ),
            folder.File(cache),
            machine,
            _ => new([new("output", 0.5)])
        );

    [Fact]
    public void What_a_child_says_is_kept_and_found_again_without_one()
    {
        var first = Judge(Saying(Wrong));
        var found = first.Find(Shape);
        first.Rest();
        Assert.Equal([new("output", 0.2), new("weight gradient", double.PositiveInfinity)], found.Faults);
        Assert.Equal((1, 1), (first.Computed, children));

        var second = Judge(Saying(Right));
        Assert.Equal(found.Faults, second.Find(Shape).Faults);
        Assert.Equal((0, 1), (second.Computed, children));
    }

    [Fact]
    public void Another_shape_another_machine_and_another_number_of_threads_are_computed_anew()
    {
        Judge(Saying(Wrong)).Find(Shape);
        var judge = Judge(Saying(Right));
        Assert.True(judge.Find(Shape with { Input = [5, 3] }).IsRight);
        Assert.True(judge.Find(Shape with { NeedsWeight = true }).IsRight);
        Assert.True(judge.Find(Shape with { Type = ScalarType.BFloat16 }).IsRight);
        Assert.True(Judge(Saying(Right), machine: "there").Find(Shape).IsRight);
        var threads = get_num_threads();
        try
        {
            set_num_threads(threads + 1);
            Assert.True(judge.Find(Shape).IsRight);
        }
        finally
        {
            set_num_threads(threads);
        }
        Assert.False(judge.Find(Shape).IsRight);
        Assert.Equal((4, 3), (judge.Computed, children));
    }

    [Theory]
    [InlineData("read line; kill -ABRT $$", "ends the process with code 134")]
    [InlineData("read line; kill -FPE $$", "ends the process with code 136")]
    [InlineData("read line; exit 0", "ends the process with code 0")]
    public void A_shape_that_ends_the_process_is_an_answer_that_is_kept(string script, string said)
    {
        var judge = Judge(Ready + script);
        Assert.Equal(said, judge.Find(Shape).Ended);
        // The next shape gets a child of its own.
        Assert.Equal(said, judge.Find(Shape with { Input = [1, 3] }).Ended);
        Assert.Equal(2, children);
        Assert.Equal(said, Judge(Saying(Right)).Find(Shape).Ended);
    }

    [Fact]
    public void A_shape_that_hangs_is_an_answer_that_is_not_kept()
    {
        var judge = Judge(Ready + "sleep 600", patience: 300);
        Assert.Equal("hangs", judge.Find(Shape).Ended);
        Assert.Equal("hangs", judge.Find(Shape).Ended);
        Assert.Equal(1, children);
        Assert.True(Judge(Saying(Right)).Find(Shape).IsRight);
    }

    [Theory]
    [InlineData("exit 1")]
    [InlineData("echo Could not load the framework.; exit 134")]
    public void Where_no_child_begins_this_process_computes(string script) =>
        Assert.Equal(0.5, Assert.Single(Judge(script).Find(Shape).Faults).Off);

    [Fact]
    public void What_a_program_prints_besides_is_not_taken_for_an_answer() =>
        Assert.True(Judge($"echo hello; echo layer; {Saying(Right)}").Find(Shape).IsRight);

    [Fact]
    public void What_is_kept_and_damaged_is_computed_anew()
    {
        Judge(Saying(Wrong)).Find(Shape);
        var file = Assert.Single(Directory.GetFiles(folder.File("cache")));
        var whole = File.ReadAllText(file);
        foreach (var content in (string[])["", "{}", whole[..^1], whole.Replace("0.2", "0.3")])
        {
            File.WriteAllText(file, content);
            Assert.True(Judge(Saying(Right)).Find(Shape).IsRight);
        }
    }

    [Fact]
    public void Where_nothing_can_be_kept_it_is_computed_every_time()
    {
        File.WriteAllText(folder.File("file"), "");
        Assert.False(Judge(Saying(Wrong), "file/cache").Find(Shape).IsRight);
        Assert.True(Judge(Saying(Right), "file/cache").Find(Shape).IsRight);
    }

    [Fact]
    public void This_very_program_can_be_a_child_and_answers_for_every_kind_of_layer()
    {
        var worker = new LayerWorker(
            () => Child.With(NativeRuntime.Start().Instructions.Limit, LayerChild.Variable, "1"),
            TimeSpan.FromSeconds(120)
        );
        var convolution = Shape with
        {
            Kind = LayerKind.Convolution,
            Input = [2, 16, 8, 8],
            Weight = [16, 16, 3, 3],
            Stride = [1, 1],
            Padding = [1, 1],
            Dilation = [1, 1],
            Groups = 1,
            ChannelsLast = true,
            WeightChannelsLast = true,
            NeedsInput = true,
            NeedsWeight = true,
        };
        try
        {
            foreach (var shape in (LayerShape[])[Shape, convolution, convolution with { Type = ScalarType.BFloat16 }])
                Assert.Equal(
                    JsonSerializer.Serialize(new LayerVerdict(LayerComparison.Faults(shape))),
                    JsonSerializer.Serialize(worker.Ask(shape, get_num_threads()))
                );
        }
        finally
        {
            worker.Rest();
        }
    }
}
