namespace KdPlugins.Authors.Tests.Analyzers;

/// <summary>KDA0014.</summary>
public sealed class ModuleNameTests
{
    private static IReadOnlyList<string> Of(
        string members,
        string constructor,
        string last = "RegisterComponents();"
    ) =>
        Analysis.Of(
            $$"""
            public sealed class Net : nn.Module<Tensor, Tensor> {
                private readonly TorchSharp.Modules.Sequential layers;
                {{members}}
                public Net() : base("net") { {{constructor}} {{last}} }
                public override Tensor forward(Tensor x) => layers.call(x);
            }
            """
        );

    [Theory]
    // As the shipped networks once were.
    [InlineData("nn.Module<Tensor, Tensor> _a;", "_a = nn.Linear(1, 2); layers = nn.Sequential((\"0\", _a));", true)]
    [InlineData("nn.Module<Tensor, Tensor> _a;", "_a = nn.Linear(1, 2); layers = nn.Sequential(_a, nn.ReLU());", true)]
    [InlineData("nn.Module<Tensor, Tensor> _a;", "layers = nn.Sequential(_a = nn.Linear(1, 2));", true)]
    [InlineData("nn.Module<Tensor, Tensor> A { get; }", "A = nn.Linear(1, 2); layers = nn.Sequential(A);", true)]
    [InlineData("nn.Module<Tensor, Tensor> _a;", "var a = nn.Linear(1, 2); _a = a; layers = nn.Sequential(a);", true)]
    [InlineData(
        "nn.Module<Tensor, Tensor> _a;",
        "layers = nn.Sequential(nn.Linear(1, 2)); _a = (nn.Module<Tensor, Tensor>)layers[0];",
        true
    )]
    [InlineData(
        "TorchSharp.Modules.Linear _a;",
        "layers = nn.Sequential(nn.Linear(1, 2)); _a = (TorchSharp.Modules.Linear)layers[0];",
        true
    )]
    [InlineData(
        "TorchSharp.Modules.Linear _a;",
        "_a = nn.Linear(1, 2); layers = nn.Sequential(); layers.append(_a);",
        true
    )]
    [InlineData(
        "TorchSharp.Modules.Linear _a; TorchSharp.Modules.ModuleList<TorchSharp.Modules.Linear> _all;",
        "_a = nn.Linear(1, 2); _all = new TorchSharp.Modules.ModuleList<TorchSharp.Modules.Linear>(_a); layers = nn.Sequential();",
        true
    )]
    [InlineData("nn.Module<Tensor, Tensor> _a;", "_a = nn.Linear(1, 2); layers = nn.Sequential(nn.ReLU());", false)]
    [InlineData(
        "nn.Module<Tensor, Tensor> A => (nn.Module<Tensor, Tensor>)layers[0];",
        "layers = nn.Sequential(nn.Linear(1, 2));",
        false
    )]
    [InlineData("", "var a = nn.Linear(1, 2); layers = nn.Sequential((\"0\", a));", false)]
    [InlineData(
        "TorchSharp.Modules.Linear _a;",
        "_a = nn.Linear(1, 2); layers = nn.Sequential(nn.Linear(_a.in_features, 2));",
        false
    )]
    [InlineData(
        "(TorchSharp.Modules.Linear A, TorchSharp.Modules.Linear B) _both;",
        "_both = (nn.Linear(1, 2), nn.Linear(2, 3)); layers = nn.Sequential(_both.A, _both.B);",
        false
    )]
    public void A_module_beside_the_container_that_holds_it_is_told(string members, string constructor, bool isTold) =>
        Assert.Equal(isTold ? ["KDA0014"] : [], Of(members, constructor).Select(f => f.Split(' ')[0]));

    [Fact]
    public void Fields_that_nobody_registers_are_nobodys_concern() =>
        Assert.Empty(
            Of(
                "nn.Module<Tensor, Tensor> _a;",
                "_a = nn.Linear(1, 2); layers = nn.Sequential(_a);",
                "register_module(\"layers\", layers);"
            )
        );

    [Fact]
    public void The_message_names_the_field_and_says_the_cure()
    {
        var told = Assert.Single(Of("nn.Module<Tensor, Tensor> _a;", "layers = nn.Sequential(_a = nn.Linear(1, 2));"));
        Assert.StartsWith("KDA0014 '_a' is held by a container", told);
        Assert.Contains("container[0]", told);
    }
}
