using System.Text;
using FsCheck;
using FsCheck.Xunit;
using KdPlugins.Core;
using KdPlugins.Text;
using KdPlugins.Torch;

namespace KdPlugins.Plugins.Tests.Text;

/// <summary>Texts as tokens and back.</summary>
public sealed class TokenizerTests
{
    private static readonly ByteTokenizer Bytes = new();
    private static readonly Gpt2Tokenizer Gpt2 = new();

    // What UTF-8 makes of halves of surrogate pairs.
    private static string Whole(string text) => Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));

    [Property(MaxTest = 10_000)]
    public void Ten_thousand_texts_come_back_from_characters_and_bytes(NonNull<string> given)
    {
        var text = Whole(given.Get);
        Assert.Equal(text, Bytes.Decode(Bytes.Encode(given.Get)));
        var characters = CharacterTokenizer.Of([text]);
        Assert.Equal(text, characters.Decode(characters.Encode(text)));
        Assert.Equal(text.EnumerateRunes().Count(), characters.Encode(text).Length);
    }

    [Property(MaxTest = 2_000)]
    public void Texts_come_back_from_the_tokens_of_gpt2(NonNull<string> given)
    {
        var text = Whole(given.Get);
        Assert.Equal(text, Gpt2.Decode(Gpt2.Encode(text)));
    }

    [Property(MaxTest = 2_000)]
    public void Bytes_that_are_no_text_do_no_harm(byte[] given)
    {
        var ids = given.Select(b => (long)b).ToArray();
        Assert.Equal(Encoding.UTF8.GetString(given), Bytes.Decode(ids));
        Assert.NotNull(Gpt2.Decode([.. ids, -1, long.MaxValue, 60_000]));
    }

    // Of the published tokenizer.
    [Theory]
    [InlineData("Hello world", 15496L, 995L)]
    [InlineData("The quick brown fox", 464L, 2068L, 7586L, 21831L)]
    [InlineData(" \n\n", 220L, 628L)]
    public void Ids_are_those_of_gpt2(string text, params long[] ids)
    {
        Assert.Equal(ids, Gpt2.Encode(text));
        Assert.Equal(50_257, Gpt2.Vocabulary.Count);
        Assert.Equal(50_256, Gpt2.EndToken);
        Assert.Equal(text, string.Concat(ids.Select(i => Gpt2.Vocabulary[(int)i])));
    }

    [Fact]
    public void The_end_written_as_text_is_text()
    {
        const string text = "a<|endoftext|><|endoftext|> b";
        var ids = Gpt2.Encode(text);
        Assert.DoesNotContain(Gpt2.EndToken, ids);
        Assert.Equal(text, Gpt2.Decode(ids));
    }

    [Fact]
    public void A_character_without_a_token_is_named()
    {
        var failure = Assert.Throws<KdException>(() => CharacterTokenizer.Of(["abc"]).Encode("abd"));
        Assert.Same(DataErrors.LabelOutOfRange, failure.Code);
        Assert.Contains("U+0064", failure.Message);
    }

    [Fact]
    public void Words_of_a_published_vocabulary_are_cut_into_their_pieces()
    {
        using var folder = new TempFolder();
        var path = folder["vocab.txt"];
        File.WriteAllLines(path, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##aff", "##able", "hello", ","]);
        var words = new WordPieceTokenizer(path);
        Assert.Equal([8, 9, 5, 6, 7], words.Encode("Hello, unaffable"));
        Assert.Equal(3, words.EndToken);
        Assert.Equal("hello, unaffable", words.Decode([8, 9, 5, 6, 7, 3]));
    }

    [Theory]
    [InlineData("a", 1)]
    [InlineData("\u00e9\ud83d\ude00", 2)]
    [InlineData("<0xE2>", 1)]
    [InlineData("<0x82><0xAC>", 0)]
    [InlineData("<0xG2>", 6)]
    public void A_token_has_the_characters_that_begin_in_it(string token, int expected)
    {
        Assert.Equal(expected, TextMeter.Characters(token, false));
        Assert.Equal(0, TextMeter.Characters(token, true));
    }
}
