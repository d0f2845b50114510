namespace KdPlugins.Host.Tests.Commands;

[Collection("commands")]
public sealed class ExplainTests
{
    [Theory]
    [InlineData("KDP0550")]
    [InlineData("kdp0550")]
    [InlineData("550")]
    public void A_code_is_told_with_what_to_do(string code)
    {
        var said = Kd.Call("explain", code).Output;
        var entry = Torch.WeightErrors.All.Single(e => e.Id == "KDP0550");
        Assert.Equal(
            $"KDP0550: {entry.Title}.\n{entry.Remedy}\nA command that fails so ends with exit code 4.\n",
            said
        );
        var json = Assert.Single(Kd.Call("explain", code, "--json").Lines);
        Assert.Equal((entry.Title, entry.Remedy), ((string)json["title"]!, (string)json["remedy"]!));
        Assert.Equal(4, (int)json["exitCode"]!);
    }

    [Fact]
    public void All_of_them_are_listed_in_order_each_once()
    {
        var codes = Assert.Single(Kd.Call("explain", "--json").Lines)["codes"]!.AsArray();
        var ids = codes.Select(c => (string)c!["code"]!).ToList();
        Assert.Equal(ids.Distinct().Order(StringComparer.Ordinal), ids);
        foreach (var known in (string[])["KDP0001", "KDP0101", "KDP0306", "KDP0550", "KDP0701", "KDP0801", "KDP0909"])
            Assert.Contains(known, ids);
        Assert.Contains("KDP0550", Kd.Call("explain").Output);
    }

    [Theory]
    [InlineData("KDP0551x", "Did you mean 'KDP0551'")]
    [InlineData("", "'kd explain' lists")]
    [InlineData("99999999999999999999", "'kd explain' lists")]
    [InlineData("\u001b[31m", "'kd explain' lists")]
    public void What_is_no_code_is_refused(string code, string said)
    {
        var result = Kd.Call("explain", code);
        Assert.Equal(ExitCodes.Failed, result.ExitCode);
        Assert.StartsWith("KDP0801 ", result.Error);
        Assert.Contains(said, result.Error);
        Assert.DoesNotContain('\u001b', result.Error);
    }
}
