using System.Text.Json.Nodes;
using KdPlugins.Host.Runs;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Numbers as people read them.</summary>
public sealed class MeasuresTests
{
    private static readonly Measures Said = Measures.Of(
        JsonNode
            .Parse(
                """
                { "measures": [ { "name": "balanced-accuracy", "unit": "share" }, { "name": "loss", "unit": "" } ] }
                """
            )!
            .AsObject()
    );

    [Theory]
    [InlineData("test_balanced_accuracy", "50.00 %")]
    [InlineData("student.test.balanced-accuracy", "50.00 %")]
    [InlineData("balanced-accuracy", "50.00 %")]
    [InlineData("test_loss", "0.5")]
    [InlineData("balanced", "0.5")]
    public void A_share_is_known_by_its_name_wherever_it_stands(string name, string text) =>
        Assert.Equal(text, Said.Text(name, 0.5));

    [Fact]
    public void What_says_most_of_a_role_is_found_by_its_name_in_reports() =>
        Assert.Equal("test_balanced_accuracy", Said.KeyOf(new() { ["test_loss"] = 1, ["test_balanced_accuracy"] = 1 }));
}
