using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using KdPlugins.Torch.Native;
using KdPlugins.Torch.Tests.Native;
using Xunit;

namespace KdPlugins.Torch.Tests.Instructions;

public sealed class InstructionChoiceTests : IDisposable
{
    private readonly TemporaryFolder folder = Places.NewFolder();
    private readonly List<string> told = [];
    private int trialsMade;

    public void Dispose() => folder.Dispose();

    private string Library
    {
        get
        {
            var path = folder.File("libtorch_cpu.so");
            if (!File.Exists(path))
                File.WriteAllBytes(path, [1, 2, 3]);
            return path;
        }
    }

    // A is wrong, B is right.
    private InstructionChoice Choice(
        string? cache,
        string? asked = null,
        string script = "echo try 0 a; echo done 5"
    ) =>
        new(
            new Trials(
                ["A", "B"],
                (limit, _) =>
                {
                    Interlocked.Increment(ref trialsMade);
                    return new ProcessStartInfo(
                        "/bin/sh",
                        ["-c", limit == "A" ? "echo try 0 a; echo wrong a is 12 % off; echo done 5" : script]
                    );
                },
                TimeSpan.FromSeconds(30)
            ),
            () => asked,
            cache,
            told.Add
        );

    private static string FileIn(string cache) => Assert.Single(Directory.GetFiles(cache, "*.json"));

    [Fact]
    public void What_was_found_is_kept_and_found_again_without_a_word()
    {
        var cache = folder.File("cache");
        var first = Choice(cache).Make(Library);
        Assert.Equal(("B", FileIn(cache), 2), (first.Limit, first.File, trialsMade));
        Assert.Single(told);

        var second = Choice(cache).Make(Library);
        Assert.Equal(("B", 2, 1), (second.Limit, trialsMade, told.Count));
        Assert.Equal(first.Trials.SelectMany(t => t.Faults), second.Trials.SelectMany(t => t.Faults));
        Assert.Equal(["a is 12 % off"], second.Trials[0].Faults);
        Assert.Empty(second.Faults);
    }

    [Fact]
    public void Who_sets_the_variable_decides_alone()
    {
        var verdict = Choice(folder.File("cache"), asked: "AVX2").Make(Library);

        Assert.Equal(("AVX2", 0, false), (verdict.Limit, trialsMade, Directory.Exists(folder.File("cache"))));
        Assert.Empty(told);
    }

    [Fact]
    public void Another_libtorch_is_tried_anew()
    {
        var cache = folder.File("cache");
        Choice(cache).Make(Library);
        File.WriteAllBytes(Library, [1, 2, 4]);
        Choice(cache).Make(Library);

        Assert.Equal(4, trialsMade);
        Assert.Equal(2, Directory.GetFiles(cache, "*.json").Length);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("no json\nno hash")]
    public void A_damaged_file_is_made_anew(string content)
    {
        var cache = folder.File("cache");
        Choice(cache).Make(Library);
        var before = File.ReadAllText(FileIn(cache));
        File.WriteAllText(FileIn(cache), content);

        Assert.Equal("B", Choice(cache).Make(Library).Limit);
        Assert.Equal(4, trialsMade);
        Assert.Equal(before, File.ReadAllText(FileIn(cache)));
    }

    [Theory]
    [InlineData("\"Found\"", "\"Trials\"")]
    [InlineData("\"Faults\"", "\"Wrong\"")]
    [InlineData("\"Limit\"", "\"Name\"")]
    public void A_file_of_another_form_is_made_anew(string name, string other)
    {
        var cache = folder.File("cache");
        Choice(cache).Make(Library);
        var text = File.ReadAllText(FileIn(cache)).Split('\n')[0].Replace(name, other, StringComparison.Ordinal);
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
        File.WriteAllText(FileIn(cache), $"{text}\n{hash}");

        Assert.Equal("B", Choice(cache).Make(Library).Limit);
        Assert.Equal(4, trialsMade);
    }

    [Fact]
    public void Every_flipped_byte_is_noticed()
    {
        var cache = folder.File("cache");
        Choice(cache).Make(Library);
        var whole = File.ReadAllBytes(FileIn(cache));
        var store = new VerdictCache<IReadOnlyList<InstructionTrial>>(cache, Machine.Describe(Library));
        Assert.NotNull(store.Read());

        for (var i = 0; i < whole.Length; i++)
        {
            var spoilt = whole.ToArray();
            spoilt[i] ^= 1;
            File.WriteAllBytes(store.Path, spoilt);
            Assert.Null(store.Read());
        }
    }

    [Fact]
    public void Where_nothing_can_be_written_it_is_tried_every_time_and_says_so()
    {
        var cache = folder.File("libtorch_cpu.so/cache");
        _ = Library;
        Assert.Equal("B", Choice(cache).Make(Library).Limit);
        Assert.Null(Choice(cache).Make(Library).File);

        Assert.Equal(4, trialsMade);
        Assert.Contains("every start tries again", told[1]);
    }

    [Fact]
    public void An_account_without_a_home_tries_every_time() => Assert.Equal("B", Choice(null).Make(Library).Limit);

    [Fact]
    public void Of_several_that_start_at_once_one_makes_the_trials()
    {
        var cache = folder.File("cache");
        _ = Library;
        var limits = new string?[6];
        Parallel.For(0, 6, new() { MaxDegreeOfParallelism = 6 }, i => limits[i] = Choice(cache).Make(Library).Limit);

        Assert.All(limits, l => Assert.Equal("B", l));
        Assert.Equal(2, trialsMade);
    }

    [Fact]
    public void Asked_to_try_again_it_tries_all_of_them_and_keeps_what_it_finds()
    {
        var cache = folder.File("cache");
        Choice(cache).Make(Library);
        var again = Choice(cache, script: "echo try 0 a; echo wrong b is 9 % off; echo wrong c; echo done 5")
            .Again(Library);

        Assert.Equal(("A", 4), (again.Limit, trialsMade));
        Assert.Equal(["a is 12 % off"], Choice(cache).Make(Library).Faults);
        Assert.Contains("none is wholly right", again.Reason);
    }

    [Fact]
    public void Where_no_trial_can_be_made_nothing_is_limited_and_nothing_kept()
    {
        var cache = folder.File("cache");
        var choice = new InstructionChoice(
            new Trials(["A"], (_, _) => null, TimeSpan.FromSeconds(1)),
            () => null,
            cache,
            told.Add
        );
        var verdict = choice.Make(Library);

        Assert.Null(verdict.Limit);
        Assert.Contains("nothing was tried", verdict.Reason);
        Assert.Empty(Directory.GetFiles(cache, "*.json"));
    }

    [Fact]
    public void The_machine_is_told_by_processor_library_and_threads()
    {
        var text = Machine.Describe(Library);

        Assert.Matches("family \\d+, model \\d+, stepping \\d+, features [0-9a-f]{32}", text);
        Assert.Contains("; libtorch 3-", text);
        Assert.EndsWith(" threads", text);
    }

    [Fact]
    public void What_was_decided_is_what_oneDNN_was_told() =>
        Assert.Equal(NativeRuntime.Start().Instructions.Limit, NativeEnvironment.Get(InstructionChoice.Variable));
}
