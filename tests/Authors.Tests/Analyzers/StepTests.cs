namespace KdPlugins.Authors.Tests.Analyzers;

/// <summary>KDA0015 to KDA0019: what plugins and their steps must not be or do.</summary>
public sealed class StepTests
{
    private static IEnumerable<string> InLoss(string body) =>
        Analysis.Ids(Analysis.Loss($$"""public Tensor Do(Tensor x, Tensor y) { {{body}} return x; }""")).Distinct();

    [Theory]
    [InlineData("public sealed class MyLoss", true)]
    [InlineData("sealed class MyLoss", true)]
    [InlineData("public abstract class MyLoss", false)]
    [InlineData("public class MyLoss<T>", false)]
    [InlineData("public sealed class Other { object Part => new MyLoss(); } sealed class MyLoss", false)]
    [InlineData("[KdLoss(\"my-loss\")] public sealed class MyLoss", false)]
    public void A_plugin_without_its_attribute_is_told(string head, bool isTold) =>
        Assert.Equal(isTold ? ["KDA0015"] : [], Analysis.Ids(Analysis.Loss(head: head)));

    [Theory]
    [InlineData(
        "'Net' is a IModelPlugin and carries no [KdModel(\"my-id\")]",
        "public class Net : ModelPlugin<NoOptions> { public override INetwork Create(ModelRequest r) => null!; }"
    )]
    [InlineData(
        "'Look' is a ITool and carries no [KdTool(\"my-id\")]",
        "public class Look : Tool<NoOptions> { public override ToolOutput Run(IToolContext c) => null!; }"
    )]
    public void The_attribute_of_the_contract_is_named(string told, string code) =>
        Assert.Contains(told, Assert.Single(Analysis.Of(code)));

    [Theory]
    [InlineData("System.Threading.Tasks.Task.Run(() => x.add_(1)).Wait();")]
    [InlineData("System.Threading.Tasks.Parallel.For(0, 3, i => x.add_(i));")]
    [InlineData("new System.Threading.Thread(() => x.add_(1)).Start();")]
    [InlineData("System.Threading.ThreadPool.QueueUserWorkItem(_ => x.add_(1));")]
    [InlineData("Func<System.Threading.Tasks.Task> f = async () => await System.Threading.Tasks.Task.Yield();")]
    [InlineData("async System.Threading.Tasks.Task F() => await System.Threading.Tasks.Task.Yield(); F().Wait();")]
    public void Work_of_a_step_on_other_threads_is_told(string body) => Assert.Equal(["KDA0016"], InLoss(body));

    [Theory]
    [InlineData("static async void F() => await System.Threading.Tasks.Task.Yield();", true)]
    [InlineData(
        "static async System.Threading.Tasks.Task F(IStepContext s) => await System.Threading.Tasks.Task.Yield();",
        true
    )]
    [InlineData(
        "static Stage F() => new(\"a\", StageLength.Steps(1), async s => await System.Threading.Tasks.Task.Yield());",
        true
    )]
    [InlineData("static void F(IStepContext s) => System.Threading.Tasks.Task.Run(() => { });", true)]
    [InlineData("static Action<ILossContext> F() => c => System.Threading.Tasks.Task.Run(() => { });", true)]
    [InlineData("static async System.Threading.Tasks.Task F() => await System.Threading.Tasks.Task.Yield();", false)]
    [InlineData("static void F() => System.Threading.Tasks.Parallel.For(0, 3, i => { });", false)]
    public void Steps_outside_of_plugin_classes_are_known_by_their_context(string member, bool isTold) =>
        Assert.Equal(isTold ? ["KDA0016"] : [], Analysis.Ids($$"""public static class Steps { {{member}} }"""));

    [Theory]
    [InlineData("_ = x.matmul(y);", true)]
    [InlineData("_ = matmul(x, y);", true)]
    [InlineData("_ = matmul(x, y.t());", true)]
    [InlineData("_ = x.cummax(1);", true)]
    [InlineData("_ = x.matmul(x.t());", false)]
    [InlineData("_ = matmul(x, x.transpose(0, 1));", false)]
    [InlineData("_ = x.mm(y);", false)]
    [InlineData("_ = KdPlugins.Torch.TorchOps.matmul(x, y);", false)]
    public void Products_that_end_the_process_are_told(string body, bool isTold) =>
        Assert.Equal(isTold ? ["KDA0017"] : [], InLoss(body));

    [Theory]
    [InlineData("private readonly ModuleDict<Linear> _parts = nn.ModuleDict<Linear>();", "KDA0018")]
    [InlineData("private readonly object _parts = new ModuleDict<Linear>();", "KDA0018")]
    [InlineData("public Linear this[int i] => null!; public Linear this[string s] => null!;", "KDA0018")]
    [InlineData("public Linear this[int i] => null!;", null)]
    [InlineData("private readonly ModuleList<Linear> _parts = new();", null)]
    [InlineData(
        "private readonly ModuleList<Linear> _parts = new(); void F() { RegisterComponents(); _parts.Add(null!); }",
        "KDA0018"
    )]
    [InlineData(
        "private readonly ModuleList<Linear> _parts = new(); void F() { _parts.Add(null!); RegisterComponents(); }",
        null
    )]
    public void Parts_that_torchsharp_cannot_handle_are_told(string member, string? expected) =>
        Assert.Equal(
            expected is null ? [] : [expected],
            Analysis
                .Ids(
                    "public class Net : nn.Module<Tensor, Tensor> { public Net() : base(\"net\") { } "
                        + $"public override Tensor forward(Tensor x) => x; {member} }}"
                        + " public sealed class Deeper : Net { }",
                    "using TorchSharp.Modules;"
                )
                .Distinct()
        );

    [Fact]
    public void A_list_of_modules_that_nobody_registers_is_told() =>
        Assert.Equal(
            ["KDA0018"],
            Analysis.Ids(Analysis.Loss("private readonly TorchSharp.Modules.ModuleList<nn.Module> _heads = new();"))
        );

    [Theory]
    [InlineData("var t = DateTime.Now;")]
    [InlineData("var t = DateTimeOffset.UtcNow.Ticks;")]
    [InlineData("var t = Environment.TickCount64;")]
    [InlineData("var t = System.Diagnostics.Stopwatch.GetTimestamp();")]
    [InlineData("var t = new System.Diagnostics.Stopwatch();")]
    public void Clocks_in_steps_are_told(string body) => Assert.Equal(["KDA0019"], InLoss(body));

    [Fact]
    public void A_clock_elsewhere_is_not() =>
        Assert.Empty(Analysis.Ids("public static class Names { public static string New => $\"{DateTime.Now}\"; }"));
}
