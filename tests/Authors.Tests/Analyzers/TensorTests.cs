namespace KdPlugins.Authors.Tests.Analyzers;

/// <summary>KDA0011 to KDA0013: what a method does.</summary>
public sealed class TensorTests
{
    private static IEnumerable<string> Ids(string body) =>
        Analysis.Ids(
            Analysis.Loss($$"""public Tensor Do(Tensor x, Generator random, List<Tensor> all) { {{body}} }""")
        );

    [Theory]
    [InlineData("return randn([3], generator: random);", false)]
    [InlineData("return rand_like(x);", true)]
    [InlineData("return randn(3);", true)]
    [InlineData("return rand([3], generator: null);", true)]
    [InlineData("return randperm(5, generator: random);", false)]
    [InlineData("return x * new Random(3).NextDouble();", true)]
    [InlineData("return x * Random.Shared.NextDouble();", true)]
    [InlineData("return nn.functional.dropout(x);", false)]
    [InlineData("return nn.init.normal_(x, 0, 1);", false)]
    public void Draws_from_shared_state_are_told(string body, bool isTold) =>
        Assert.Equal(isTold ? ["KDA0011"] : [], Ids(body));

    [Theory]
    [InlineData("for (var i = 0; i < 9; i++) { var y = x * i; y.add_(1); } return x;", true)]
    [InlineData("foreach (var t in all) { var y = t.exp(); Console.WriteLine(y.item<float>()); } return x;", true)]
    [InlineData("var n = 3; while (n-- > 0) { var row = x[n]; row.add_(1); } return x;", true)]
    [InlineData("for (var i = 0; i < 9; i++) { using var y = x * i; y.add_(1); } return x;", false)]
    [InlineData(
        "for (var i = 0; i < 9; i++) { using var s = NewDisposeScope(); var y = x * i; y.add_(1); } return x;",
        false
    )]
    [InlineData("for (var i = 0; i < 9; i++) { var y = x * i; all.Add(y); } return x;", false)]
    [InlineData("for (var i = 0; i < 9; i++) { var y = x * i; x = x + y; } return x;", false)]
    [InlineData("for (var i = 0; i < 9; i++) { var y = all[i]; y.add_(1); } return x;", false)]
    [InlineData("for (var i = 0; i < 9; i++) x = x.exp(); return x;", false)]
    [InlineData("{ var y = x * 2; y.add_(1); } return x;", false)]
    public void Tensors_that_a_loop_piles_up_are_told(string body, bool isTold) =>
        Assert.Equal(isTold ? ["KDA0012"] : [], Ids(body));

    [Theory]
    [InlineData("System.Text.Json.JsonSerializer.Serialize(this);", true)]
    [InlineData("System.Text.Json.JsonSerializer.Serialize<object>(x);", true)]
    [InlineData("System.Text.Json.JsonSerializer.Serialize(new[] { this }.ToList());", true)]
    [InlineData("System.Text.Json.JsonSerializer.Serialize(new Dictionary<string, double>());", false)]
    [InlineData("System.Text.Json.JsonSerializer.Serialize(new System.Text.Json.Nodes.JsonObject());", false)]
    [InlineData("System.ComponentModel.DataAnnotations.Validator.TryValidateObject(x, new(x), null);", true)]
    [InlineData("System.ComponentModel.TypeDescriptor.GetProperties(this);", true)]
    [InlineData("new System.ComponentModel.DataAnnotations.RangeAttribute(0, 1).IsValid(3);", false)]
    public void What_would_pin_the_plugin_is_told(string statement, bool isTold) =>
        Assert.Equal(isTold ? ["KDA0013"] : [], Ids(statement + " return x;"));

    [Fact]
    public void Every_rule_is_told_in_the_sdks_readme()
    {
        var readme = File.ReadAllText(Path.Combine(EndToEnd.Commands.Repository, "core", "Sdk", "README.md"));
        Assert.All(Analysis.Rules, r => Assert.Contains($"| `{r.Id}` |", readme));
        Assert.Equal(14, Analysis.Rules.Select(r => r.Id).Distinct().Count());
    }
}
