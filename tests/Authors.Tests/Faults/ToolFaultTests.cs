using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Testing;
using KdPlugins.Torch;

namespace KdPlugins.Authors.Tests.Faults;

/// <summary>What the engine says of tools that break their contract, or fail.</summary>
public sealed class ToolFaultTests
{
    [Theory]
    [InlineData("ragged", "KDP0382", "A row of a table has 1 cells, its header 2: 1.")]
    [InlineData("nothing", "KDP0741", "Run of tool 'nothing' gave null.")]
    [InlineData("failing", "KDP0740", "Tool 'failing' failed: FormatException: no good (in FailingTool.Run")]
    public void A_fault_of_a_tool_is_told_with_its_code(string id, string code, string part)
    {
        using var run = new RecipeRun(
            new TestCatalog([.. KitParts.Types, typeof(RaggedTool), typeof(NothingTool), typeof(FailingTool)])
        );
        var error = Assert.Throws<KdException>(() => run.Tools(KitParts.Recipe()).Run(id, "{}"));
        Assert.Equal(code, error.Code.Id);
        Assert.Contains(part, error.Message);
    }

    [Fact]
    public void Options_that_do_not_fit_are_refused_before_it_runs()
    {
        using var run = new RecipeRun(new TestCatalog([.. KitParts.Types, typeof(NothingTool)]));
        var error = Assert.Throws<RecipeException>(() => run.Tools(KitParts.Recipe()).Run("nothing", """{"a":1}"""));
        Assert.Contains("unknown key 'a'", error.Message);
        Assert.Equal(0, ((TestCatalog)run.Catalog).Live);
    }
}

[KdTool("ragged")]
public sealed class RaggedTool : Tool<NoOptions>
{
    public override ToolOutput Run(IToolContext context) =>
        new("ragged", [], "")
        {
            Table = new(
                ["a", "b"],
                [
                    ["1"],
                ]
            ),
        };
}

[KdTool("nothing")]
public sealed class NothingTool : Tool<NoOptions>
{
    public override ToolOutput Run(IToolContext context) => null!;
}

[KdTool("failing")]
public sealed class FailingTool : Tool<NoOptions>
{
    public override ToolOutput Run(IToolContext context) => throw new FormatException("no good");
}
