using Xunit;

namespace KdPlugins.Torch.Tests.Files;

/// <summary>What others have written is shown, not obeyed; what is wrong is said with its code once.</summary>
public sealed class SafeTextTests
{
    [Theory]
    [InlineData("plain, ähnlich, 日本, 😀\ttab\nline", "plain, ähnlich, 日本, 😀\ttab\nline")]
    [InlineData("\u001b[2J\u001b]0;owned\u0007", "?[2J?]0;owned?")]
    [InlineData("a\rb\u0008\u007f\u009b31m", "a?b???31m")]
    [InlineData("\u202efdp.exe\u200b\u2028\u2066", "?fdp.exe???")]
    public void Nothing_that_a_terminal_acts_on_is_left(string text, string shown) =>
        Assert.Equal(shown, SafeText.Of(text));

    [Fact]
    public void Half_a_surrogate_pair_is_no_text() =>
        Assert.Equal("?a?😀", SafeText.Of("\ud83da\ude00" + char.ConvertFromUtf32(0x1F600)));

    [Fact]
    public void A_name_stays_on_its_line() => Assert.Equal("a?b?c", SafeText.Line("a\nb\rc"));

    [Fact]
    public void A_failure_that_quotes_another_of_its_kind_says_the_code_once()
    {
        var code = new ErrorCode("KDP0401", "missing", "Look.");
        var inner = new KdException(code, "There is no file 'x'.", "");

        foreach (var detail in (string[])[inner.Message, $"KDP0401: {inner.Message}", $"role 'a': {inner.Message}"])
        {
            var error = new KdException(code, detail);
            Assert.Equal(
                error.Message.IndexOf("KDP0401", StringComparison.Ordinal),
                error.Message.LastIndexOf("KDP0401", StringComparison.Ordinal)
            );
            Assert.EndsWith("There is no file 'x'.", error.Detail);
        }
        // Another's code stays: it says what was behind it.
        Assert.Contains("KDP0401", new KdException(new ErrorCode("KDP0800", "t", "r"), inner.Message).Message);
    }
}
