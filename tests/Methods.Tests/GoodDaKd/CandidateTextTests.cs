using KdPlugins.Core;
using KdPlugins.Torch;

namespace KdPlugins.GoodDaKd.Tests;

public sealed class CandidateTextTests
{
    [Theory]
    [InlineData("cutmix", "cutmix", """[{"id":"cutmix"}]""")]
    [InlineData("identity", "identity", "[]")]
    [InlineData("a=random-crop + cutout", "a", """[{"id":"random-crop"},{"id":"cutout"}]""")]
    [InlineData("""{"id":"a","options":{"b":[1,2]}}+c""", null, """[{"id":"a","options":{"b":[1,2]}},{"id":"c"}]""")]
    [InlineData("""x=[{"id":"a=,+]\""}]""", "x", """[{"id":"a=,+]\""}]""")]
    public void Candidates_are_read_as_people_write_them(string text, string? name, string chain)
    {
        var candidate = Assert.Single(CandidateText.Parse(text));
        Assert.Equal(name ?? text, candidate.Name);
        Assert.Equal(chain, candidate.Chain);
        var three = CandidateText.Parse($"x1,{text},x2");
        Assert.Equal(["x1", candidate.Name, "x2"], three.Select(c => c.Name));
        Assert.Equal(chain, three[1].Chain);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a,,b")]
    [InlineData("a=")]
    [InlineData("=a")]
    [InlineData("a=b=c")]
    public void What_is_no_candidate_is_refused(string text) =>
        Assert.Equal(CoreErrors.ToolArguments, Assert.Throws<KdException>(() => CandidateText.Parse(text)).Code);
}
