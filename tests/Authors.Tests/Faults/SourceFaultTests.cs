using KdPlugins.Authors.Tests.Analyzers;

namespace KdPlugins.Authors.Tests.Faults;

/// <summary>Mistakes that authors make, planted in the source of a small plugin: what the compiler tells, and by which words.</summary>
public sealed class SourceFaultTests
{
    private const string Many = "for (var i = 0; i < 10000; i++)";

    private static readonly (string Name, string Source, string Rule, string Words)[] Faults =
    [
        (
            "a loss without its attribute",
            Loss(head: "public sealed class MyLoss"),
            "KDA0015",
            "[KdLoss(\"my-id\")]: no host finds it"
        ),
        (
            "a strategy's attribute on a loss",
            Loss(head: "[KdStrategy(\"x\")] public class MyLoss"),
            "KDA0001",
            "is no IDistillationStrategy"
        ),
        ("a plugin that is not public", Loss(head: "[KdLoss(\"x\")] class MyLoss"), "KDA0003", "is not public"),
        (
            "options by the constructor",
            Loss("public MyLoss(double weight) { }"),
            "KDA0004",
            "no public constructor without parameters"
        ),
        (
            "an id with capitals",
            Loss(head: "[KdLoss(\"MyLoss\")] public class MyLoss"),
            "KDA0010",
            "ids are kebab-case"
        ),
        (
            "an async step",
            Plan("async s => await System.Threading.Tasks.Task.Yield()"),
            "KDA0016",
            "async void, this function: the engine goes on"
        ),
        (
            "an async method as a step",
            Loss("async System.Threading.Tasks.Task Do() => await System.Threading.Tasks.Task.Yield();"),
            "KDA0016",
            "async 'Do'"
        ),
        (
            "a step in Task.Run",
            Plan("s => System.Threading.Tasks.Task.Run(() => s.Publish(\"x\", 1))"),
            "KDA0016",
            "Task.Run: the engine goes on"
        ),
        (
            "losses in parallel",
            In("System.Threading.Tasks.Parallel.For(0, 3, i => { });"),
            "KDA0016",
            "Parallel.For: the engine goes on"
        ),
        ("a product of shapes that may not fit", In("_ = x.matmul(y);"), "KDA0017", "Call TorchOps.matmul"),
        (
            "a ModuleDict",
            Net("private readonly object _parts = nn.ModuleDict<nn.Module>();"),
            "KDA0018",
            "Hold the parts in a ModuleList"
        ),
        (
            "a list that nobody registers",
            Loss("private readonly TorchSharp.Modules.ModuleList<nn.Module> _heads = new();"),
            "KDA0018",
            "'MyLoss' is no module"
        ),
        (
            "parts after RegisterComponents",
            Net(
                "private readonly TorchSharp.Modules.ModuleList<nn.Module> _parts = new(); void F() { RegisterComponents(); _parts.Add(null!); }"
            ),
            "KDA0018",
            "Fill the container first"
        ),
        (
            "two properties of one name",
            Net("public int this[int i] => 1; public int this[string s] => 1;"),
            "KDA0018",
            "two properties called 'Item'"
        ),
        (
            "a part under two names",
            Net(
                "public Net(int n) : base(\"n\") { var part = nn.Linear(1, 1); _b = nn.Sequential(part); _c = part; RegisterComponents(); } private readonly nn.Module? _b, _c;"
            ),
            "KDA0014",
            "'_c' is held by a container"
        ),
        ("a deadline", In("if (DateTime.UtcNow.Hour > 3) x = x * 2;"), "KDA0019", "'DateTime.UtcNow' reads a clock"),
        (
            "a stopwatch that decides",
            In("var t = System.Diagnostics.Stopwatch.StartNew();"),
            "KDA0019",
            "context.Progress"
        ),
        ("dice of one's own", In("x = x * new Random().NextDouble();"), "KDA0011", "'new Random' draws from state"),
        ("rand without a generator", In("x = x + rand(3);"), "KDA0011", "NewGenerator and 'generator:'"),
        ("noise like an input", In("x = x + randn_like(x);"), "KDA0011", "'randn_like'"),
        (
            "a variable of each turn",
            In(Many + " { var z = x * 2; z.add_(1); }"),
            "KDA0012",
            "'z': a tensor is made anew"
        ),
        (
            "intermediates of a number",
            In("var t = 0.0; " + Many + " t += (x * 2).sum().item<float>();"),
            "KDA0012",
            "'(x * 2).sum()'"
        ),
        ("the former value of a variable", In(Many + " x = x * 0.999;"), "KDA0012", "'x * 0.999'"),
        ("a sum that grows", In(Many + " x += y * i;"), "KDA0012", "'x += y * i'"),
        ("an answer that nobody looks at", In(Many + " nn.functional.relu(x);"), "KDA0012", "'nn.functional.relu(x)'"),
        ("an answer thrown away", In(Many + " _ = x.exp();"), "KDA0012", "'x.exp()'"),
        (
            "numbers by LINQ",
            In("var t = Enumerable.Range(0, 10000).Sum(i => (x * i).sum().item<float>());"),
            "KDA0012",
            "'(x * i).sum()'"
        ),
        ("JSON by reflection", In("System.Text.Json.JsonSerializer.Serialize(this);"), "KDA0013", "cannot be unloaded"),
    ];

    public static TheoryData<string> Planted => [.. Faults.Select(f => f.Name)];

    [Theory]
    [MemberData(nameof(Planted))]
    public void A_planted_fault_is_told_by_its_rule(string name)
    {
        var fault = Faults.Single(f => f.Name == name);
        var told = Analysis.Of(fault.Source);
        Assert.Contains(told, t => t.StartsWith(fault.Rule, StringComparison.Ordinal) && t.Contains(fault.Words));
        Assert.All(told, t => Assert.StartsWith(fault.Rule, t));
    }

    private static string Loss(string members = "", string head = "[KdLoss(\"my-loss\")] public sealed class MyLoss") =>
        Analysis.Loss(members, head);

    private static string In(string body) => Loss($$"""public Tensor Do(Tensor x, Tensor y) { {{body}} return x; }""");

    private static string Plan(string step) =>
        Loss($$"""public static Stage Plan() => new("only", StageLength.Steps(1), {{step}});""");

    private static string Net(string members) =>
        $$"""
            public class Net : nn.Module<Tensor, Tensor> {
                public Net() : base("net") { }
                public override Tensor forward(Tensor x) => x;
                {{members}}
            }
            """;
}
