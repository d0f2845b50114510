using System.Text;
using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Text;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Text;

/// <summary>Data sets of texts, good and bad ones.</summary>
public sealed class TextDataTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    private static string[] Rows(Batch batch, IReadOnlyList<string> vocabulary) =>
        [
            .. Enumerable
                .Range(0, (int)batch.Count)
                .Select(i =>
                {
                    var there = batch.Mask[i].sum().item<long>();
                    var ids = batch.Input[i].data<long>().ToArray().Take((int)there);
                    return string.Concat(ids.Select(t => vocabulary[(int)t]));
                }),
        ];

    private static string Answer(Batch batch, int row, IReadOnlyList<string> vocabulary)
    {
        var target = (TokenTarget)batch.Target;
        var ids = target.Ids[row].masked_select(target.Mask[row]).data<long>().ToArray();
        return string.Concat(ids.Select(t => vocabulary[(int)t]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Sums_are_right_and_no_sum_is_in_both_splits(bool reversed)
    {
        using var data = Make.Plugin<AdditionPlugin>(
                new AdditionOptions
                {
                    Train = 300,
                    Test = 100,
                    Reversed = reversed,
                }
            )
            .Open("");
        var seen = new HashSet<string>();
        foreach (var split in data.Splits)
        {
            var source = data.Open(split);
            var batch = source.Read(Enumerable.Range(0, (int)source.Count).Select(i => (long)i).ToArray());
            var texts = Rows(batch, data.Info.Vocabulary);
            for (var i = 0; i < texts.Length; i++)
            {
                Assert.True(seen.Add(texts[i]));
                var parts = texts[i].Split('+', '=', '$');
                var sum = reversed ? string.Concat(parts[2].Reverse()) : parts[2];
                Assert.Equal(int.Parse(parts[0]) + int.Parse(parts[1]), int.Parse(sum));
                // What counts is the answer with its end, and nothing of the question.
                Assert.Equal(parts[2] + "$", Answer(batch, i, data.Info.Vocabulary));
            }
        }
        Assert.Equal(400, seen.Count);
        Assert.Equal("$", data.Info.Vocabulary[(int)data.Info.EndToken]);
    }

    [Fact]
    public void Sums_conform_as_a_data_set() =>
        Conformance
            .Dataset<AdditionPlugin>(
                new()
                {
                    Options = new AdditionOptions { Train = 40, Test = 20 },
                    Samples = 16,
                }
            )
            .Verify();

    [Fact]
    public void A_text_is_cut_into_windows_whose_prompts_do_not_count()
    {
        File.WriteAllText(_folder["a.txt"], "abcdefghijklmnopqrst");
        using var data = Make.Plugin<TextFilePlugin>(
                new TextFileOptions
                {
                    Path = "a.txt",
                    Window = 5,
                    Prompt = 2,
                    Stride = 3,
                    Test = 0.4,
                }
            )
            .Open(_folder.Path);
        var (train, test) = (data.Open("train"), data.Open("test"));
        var batch = train.Read(new long[] { 0, 1, 2 });
        Assert.Equal(["abcde", "defgh", "ghijk"], Rows(batch, data.Info.Vocabulary));
        Assert.Equal("cde", Answer(batch, 0, data.Info.Vocabulary));
        Assert.Equal((3L, 2L), (train.Count, test.Count));
        Assert.Equal(["mnopq"], Rows(test.Read(new long[] { 0 }), data.Info.Vocabulary));
    }

    [Fact]
    public void Tables_and_objects_in_lines_give_the_same()
    {
        File.WriteAllText(_folder["a.tsv"], "q\ta\n1+1\t2\r\n10+1\t11\n");
        File.WriteAllText(_folder["a.jsonl"], "{\"a\":\"2\",\"q\":\"1+1\"}\n\n{\"q\":\"10+1\",\"a\":11}\n");
        string[] Read(string file)
        {
            using var data = Make.Plugin<TextTablePlugin>(
                    new TextTableOptions
                    {
                        Train = file,
                        Prompt = "q",
                        Response = "a",
                    }
                )
                .Open(_folder.Path);
            var batch = data.Open("train").Read(new long[] { 1, 0 });
            return [.. Rows(batch, data.Info.Vocabulary), Answer(batch, 0, data.Info.Vocabulary), data.Fingerprint];
        }
        var table = Read("a.tsv");
        Assert.Equal(["10+111<|endoftext|>", "1+12<|endoftext|>", "11<|endoftext|>"], table[..3]);
        Assert.Equal(table, Read("a.jsonl"));
    }

    [SkippableFact]
    public void The_sentences_of_sst2_have_their_classes()
    {
        var folder = TestData.Folder("sst2");
        using var data = Make.Plugin<TextTablePlugin>(
                new TextTableOptions
                {
                    Train = Path.Combine(folder, "train.tsv"),
                    Test = Path.Combine(folder, "dev.tsv"),
                    Header = false,
                    Text = "0",
                    Label = "1",
                }
            )
            .Open("");
        var (train, test) = (data.Open("train"), data.Open("test"));
        Assert.Equal((6920L, 872L, 2L), (train.Count, test.Count, data.Info.Classes));
        var batch = test.Read(new long[] { 0, 1, 2 });
        Assert.Equal("one long string of cliches", Rows(batch, data.Info.Vocabulary)[0]);
        Assert.Equal([0, 0, 0], ((ClassIndexTarget)batch.Target).Labels.data<long>().ToArray());
    }

    [SkippableFact]
    public void Shakespeare_has_65_characters()
    {
        var path = Path.Combine(TestData.Folder("tinyshakespeare"), "input.txt");
        using var data = Make.Plugin<TextFilePlugin>(new TextFileOptions { Path = path }).Open("");
        Assert.Equal(66, data.Info.Vocabulary.Count);
        Assert.StartsWith(
            "First Citizen:\nBefore",
            Rows(data.Open("train").Read(new long[] { 0 }), data.Info.Vocabulary)[0]
        );
    }

    [Theory]
    [InlineData("a.tsv", "x\ty\n1\t2\n", "KDP0404", "needs the column 'q'")]
    [InlineData("a.tsv", "q\ta\n1\n", "KDP0404", "Line 2")]
    [InlineData("a.tsv", "q\ta\n\t2\n", "KDP0404", "empty text")]
    [InlineData("a.tsv", "q\ta\n", "KDP0407", "no row")]
    [InlineData("a.tsv", "", "KDP0407", "no row")]
    [InlineData("a.jsonl", "{\"q\":\"1\"}\n", "KDP0404", "no column 'a'")]
    [InlineData("a.jsonl", "{\"q\":\"1\",\"a\":[]}\n", "KDP0404", "no text in the column 'a'")]
    [InlineData("a.jsonl", "[1]\n", "KDP0404", "no JSON object")]
    [InlineData("a.jsonl", "{\n", "KDP0404", "no JSON")]
    [InlineData("a.csv", "q,a\n", "KDP0404", "ends in '.csv'")]
    [InlineData("gone.tsv", null, "KDP0401", "gone.tsv")]
    public void A_bad_table_is_one_message(string name, string? content, string code, string said)
    {
        if (content is not null)
            File.WriteAllText(_folder[name], content);
        Refused(
            new()
            {
                Train = name,
                Prompt = "q",
                Response = "a",
            },
            code,
            said
        );
    }

    [Fact]
    public void Bytes_that_are_no_text_are_refused_with_their_line()
    {
        File.WriteAllBytes(_folder["a.tsv"], [.. "q\ta\n1\t"u8, 0xC3, 0x28, .. "\n"u8]);
        Refused(
            new()
            {
                Train = "a.tsv",
                Prompt = "q",
                Response = "a",
            },
            "KDP0404",
            "Line 2"
        );
        var failure = Assert.Throws<KdException>(() =>
            Make.Plugin<TextFilePlugin>(new TextFileOptions { Path = "a.tsv" }).Open(_folder.Path)
        );
        Assert.Equal("KDP0404", failure.Code.Id);
    }

    [Fact]
    public void A_line_without_an_end_is_refused_before_it_is_read()
    {
        // A gigabyte of nothing, which takes no room.
        using (var file = File.Create(_folder["a.tsv"]))
            file.SetLength(1 << 30);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Refused(
            new()
            {
                Train = "a.tsv",
                Prompt = "q",
                Response = "a",
            },
            "KDP0406",
            "Line 1"
        );
        var failure = Assert.Throws<KdException>(() =>
            Make.Plugin<TextFilePlugin>(new TextFileOptions { Path = "a.tsv" }).Open(_folder.Path)
        );
        Assert.Equal("KDP0406", failure.Code.Id);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16 << 20);
    }

    [Fact]
    public void A_class_that_training_does_not_have_and_a_prompt_that_fills_a_sample_are_refused()
    {
        File.WriteAllText(_folder["a.tsv"], "q\ta\nyes\t1\n");
        File.WriteAllText(_folder["b.tsv"], "q\ta\nyes\t2\n");
        Refused(
            new()
            {
                Train = "a.tsv",
                Test = "b.tsv",
                Text = "q",
                Label = "a",
            },
            "KDP0405",
            "the class '2'"
        );
        Refused(
            new()
            {
                Train = "a.tsv",
                Prompt = "q",
                Response = "a",
                MaxLength = 3,
            },
            "KDP0406",
            "leaves none of 3"
        );
    }

    [Fact]
    public void What_a_run_keeps_of_a_vocabulary_is_read_again()
    {
        File.WriteAllText(_folder["a.txt"], "banana");
        File.WriteAllText(_folder["vocabulary.json"], """["a","b","n","z","<|endoftext|>"]""");
        var options = new TextFileOptions
        {
            Path = "a.txt",
            Window = 2,
            Test = 0.5,
        };
        using var data = Make.Plugin<TextFilePlugin>(options with { Tokenizer = new() { Path = "vocabulary.json" } })
            .Open(_folder.Path);
        Assert.Equal(["a", "b", "n", "z", "<|endoftext|>"], data.Info.Vocabulary);
        File.WriteAllText(_folder["vocabulary.json"], """["ab","<|endoftext|>"]""");
        var failure = Assert.Throws<KdException>(() =>
            Make.Plugin<TextFilePlugin>(options with { Tokenizer = new() { Path = "vocabulary.json" } })
                .Open(_folder.Path)
        );
        Assert.Equal("KDP0404", failure.Code.Id);
    }

    [Fact]
    public void Options_that_contradict_do_not_pass()
    {
        Assert.False(
            Make.Passes(
                new TextTableOptions
                {
                    Train = "a",
                    Prompt = "q",
                    Label = "a",
                }
            )
        );
        Assert.False(
            Make.Passes(
                new TextFileOptions
                {
                    Path = "a",
                    Window = 4,
                    Prompt = 4,
                }
            )
        );
        Assert.False(
            Make.Passes(
                new AdditionOptions
                {
                    Digits = 1,
                    Train = 90,
                    Test = 11,
                }
            )
        );
    }

    private void Refused(TextTableOptions options, string code, string said)
    {
        var failure = Assert.Throws<KdException>(() => Make.Plugin<TextTablePlugin>(options).Open(_folder.Path));
        Assert.Equal(code, failure.Code.Id);
        Assert.Contains(said, failure.Message);
    }
}
