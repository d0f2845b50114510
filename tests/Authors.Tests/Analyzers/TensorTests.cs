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
        Assert.Equal(isTold ? ["KDA0012"] : [], Ids(body).Distinct());

    private const string Many = "for (var i = 0; i < 10000; i++)";

    // Factories, discards, reassignments, accumulation, intermediates, LINQ and lambdas.
    [Theory]
    [InlineData("double t = 0; " + Many + " { var y = x * 2; t += y.sum().item<float>(); } return x;")]
    [InlineData("double t = 0; " + Many + " t += (x * 2).sum().item<float>(); return x;")]
    [InlineData(Many + " x = x * 0.999; return x;")]
    [InlineData(Many + " nn.functional.relu(x); return x;")]
    [InlineData(Many + " _ = nn.functional.relu(x); return x;")]
    [InlineData("var acc = zeros_like(x); " + Many + " acc += x * i; return acc;")]
    [InlineData("var i = 0; while (i < 9) { var y = x * 2; var z = y.mul(3); x = z; i++; } return x;")]
    [InlineData("var t = Enumerable.Range(0, 10000).Sum(i => (x * i).sum().item<float>()); return x;")]
    [InlineData(
        "var t = Enumerable.Range(0, 10000).Select(i => { var y = x * i; return y.item<float>(); }).Max(); return x;"
    )]
    [InlineData("all.ForEach(t => { _ = t.exp(); }); return x;")]
    [InlineData(Many + " { var mask = zeros(3); x.add_(mask); } return x;")]
    [InlineData(Many + " { zeros(3); } return x;")]
    [InlineData(Many + " all.Add((x * i).exp()); return x;")]
    [InlineData(Many + " all[0] = (x * i).exp(); return x;")]
    [InlineData("var y = x; do { y = y - 1; } while (y.max().item<float>() > 0); return y;")]
    [InlineData("var size = 0L; foreach (var t in all) size += t.flatten().shape[0]; return x;")]
    [InlineData("foreach (var i in Enumerable.Range(0, 1000)) x = x / 2; return x;")]
    [InlineData("Tensor y; " + Many + " { y = x.exp(); Console.WriteLine($\"{y.sum().item<float>()}\"); } return x;")]
    [InlineData("for (var i = 0; i < x.shape[0]; i++) x = x + x[i].sum(); return x;")]
    public void Each_form_of_a_tensor_that_piles_up_is_told(string body) =>
        Assert.Equal(["KDA0012"], Ids(body).Distinct());

    [Theory]
    [InlineData("foreach (var t in all) x = x + t.square().mean(); return x;")]
    [InlineData("for (var i = 0; i < all.Count; i++) x = x + all[i].square().mean(); return x;")]
    [InlineData("for (var i = 0; i < 3; i++) x = x.exp().log(); return x;")]
    [InlineData("return all.Select(t => t.square().mean()).Aggregate((a, b) => a + b);")]
    [InlineData(Many + " x.add_(1); return x;")]
    [InlineData(Many + " all.Add(x * i); return x;")]
    [InlineData(Many + " all.Add(zeros(3)); return x;")]
    [InlineData(Many + " { using var s = NewDisposeScope(); x = (x * 2).MoveToOuterDisposeScope(); } return x;")]
    [InlineData(Many + " using (NewDisposeScope()) x = (x * 2).MoveToOuterDisposeScope(); return x;")]
    [InlineData(Many + " { using var y = x * 2; } return x;")]
    [InlineData("double t = 0; " + Many + " t += x.item<float>() + x.shape[0]; return x;")]
    [InlineData("return Enumerable.Range(0, 10000).Select(i => x * i).First();")]
    [InlineData("Func<Tensor> f = () => x * 2; " + Many + " all.Add(f()); return x;")]
    public void What_stays_or_is_few_is_not(string body) => Assert.Empty(Ids(body));

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
        Assert.Equal(19, Analysis.Rules.Select(r => r.Id).Distinct().Count());
    }
}
