namespace KdPlugins.Host.Tests.Commands;

/// <summary>Without a single plugin every command works and says what is missing.</summary>
[Collection("commands")]
public sealed class EmptyFolderTests : IDisposable
{
    private readonly Kd _kd = new();
    private readonly string _empty;

    public EmptyFolderTests() => _empty = Directory.CreateDirectory(_kd.At("empty")).FullName;

    public void Dispose() => _kd.Dispose();

    [Fact]
    public void List_names_every_kind_that_is_missing()
    {
        var result = Kd.Call("plugins", "list", "--plugins", _empty);
        Assert.Equal(0, result.ExitCode);
        foreach (var kind in Enum.GetValues<Core.PluginKind>())
            Assert.Contains($"no {kind.ToString().ToLowerInvariant()}", result.Output);
        var line = Assert.Single(Kd.Call("plugins", "list", "--plugins", _empty, "--json").Lines);
        Assert.Equal(8, line["missing"]!.AsArray().Count);
        Assert.Empty(line["plugins"]!.AsArray());
    }

    [Theory]
    [InlineData("run")]
    [InlineData("check")]
    public void A_recipe_fails_with_every_plugin_that_it_needs(string command)
    {
        var failure = Kd.Call(command, _kd.TinyRecipe(), "--plugins", _empty, "--json").Failure;
        Assert.Equal(ExitCodes.BadRecipe, failure["exitCode"]!.GetValue<int>());
        var missing = failure["failures"]!.AsArray().Where(f => f!["code"]!.GetValue<string>() == "KDP0201").ToList();
        foreach (var id in (string[])["shapes", "cifar-resnet", "cross-entropy", "kd", "offline", "supervised"])
            Assert.Contains(missing, f => f!["message"]!.GetValue<string>().Contains($"'{id}'"));
        Assert.False(Directory.Exists(_kd.At("runs")));
    }

    [Fact]
    public void Schema_and_verify_work_and_describe_and_explain_say_that_there_is_nothing()
    {
        Assert.Equal(0, Kd.Call("schema", "--plugins", _empty).ExitCode);
        Assert.Equal(0, Kd.Call("plugins", "verify", "--plugins", _empty).ExitCode);
        foreach (
            string[] command in (string[][])
                [
                    ["describe"],
                    ["plugins", "explain"],
                ]
        )
        {
            var result = Kd.Call([.. command, "kd", "--plugins", _empty]);
            Assert.Equal(ExitCodes.BadRecipe, result.ExitCode);
            Assert.StartsWith("KDP0201 ", result.Error);
            Assert.Contains("'kd'", result.Error);
        }
    }

    [Fact]
    public void A_folder_that_does_not_exist_is_like_an_empty_one()
    {
        var result = Kd.Call("plugins", "list", "--plugins", _kd.At("nowhere"));
        Assert.Equal(0, result.ExitCode);
        Assert.Contains("nowhere does not exist", result.Output);
    }
}
