namespace KdPlugins.Authors.Tests.Analyzers;

/// <summary>KDA0001 to KDA0004 and KDA0010.</summary>
public sealed class PluginClassTests
{
    [Theory]
    [InlineData("[KdLoss(\"my-loss\")] public sealed class MyLoss", null)]
    [InlineData("[KdLoss(\"my-loss\", Version = \"2.0.1\")] public class MyLoss", null)]
    [InlineData("[KdAugmentation(\"my-loss\")] public sealed class MyLoss", "KDA0001")]
    [InlineData("[KdLoss(\"a\"), KdLoss2(\"b\")] public sealed class MyLoss", null)]
    [InlineData("[KdLoss(\"my-loss\")] internal sealed class MyLoss", "KDA0003")]
    [InlineData("[KdLoss(\"my-loss\")] public abstract class MyLoss", "KDA0003")]
    [InlineData("[KdLoss(\"my-loss\")] public sealed class MyLoss<T>", "KDA0003")]
    [InlineData("public static class Outer { [KdLoss(\"my-loss\")] internal sealed class MyLoss", "KDA0003")]
    [InlineData("[KdLoss(\"MyLoss\")] public sealed class MyLoss", "KDA0010")]
    [InlineData("[KdLoss(\"my-loss\", Version = \"1.0\")] public sealed class MyLoss", "KDA0010")]
    public void Classes_that_the_host_could_not_use_are_told(string head, string? expected)
    {
        var source = Analysis.Loss(head: head) + (head.Contains("Outer") ? "}" : "");
        const string Unknown =
            "public sealed class KdLoss2Attribute(string id) : Attribute { public string Id { get; } = id; }";
        Assert.Equal(expected is null ? [] : [expected], Analysis.Ids(source + Unknown));
    }

    [Fact]
    public void Two_attributes_on_a_class_are_told()
    {
        const string Both = """
            [KdLoss("a"), KdModel("b")] public sealed class Both : DistillationLoss<NoOptions>, IModelPlugin {
                public INetwork Create(ModelRequest request) => null!;
                public override Tensor Compute(ILossContext context) => null!;
            }
            """;
        Assert.Equal("KDA0002", Assert.Single(Analysis.Ids(Both)));
    }

    [Theory]
    [InlineData("public MyLoss() { }", false)]
    [InlineData("public MyLoss() { } public MyLoss(int x) { }", false)]
    [InlineData("[ImportingConstructor] public MyLoss(IServiceProvider x) { }", false)]
    [InlineData("public MyLoss(int x) { }", true)]
    [InlineData("private MyLoss() { }", true)]
    [InlineData("[ImportingConstructor] internal MyLoss(IServiceProvider x) { }", true)]
    [InlineData(
        "[ImportingConstructor] public MyLoss(IServiceProvider x) { } [ImportingConstructor] public MyLoss(int x) { }",
        true
    )]
    public void Classes_that_cannot_be_made_are_told(string members, bool isTold) =>
        Assert.Equal(isTold ? ["KDA0004"] : [], Analysis.Ids(Analysis.Loss(members)));

    [Fact]
    public void The_message_says_the_cure() =>
        Assert.Equal(
            "KDA0001 'MyLoss' carries [KdModel] and is no IModelPlugin: the host could not use it. Derive it from ModelPlugin<TOptions>.",
            Assert.Single(Analysis.Of(Analysis.Loss(head: "[KdModel(\"my-loss\")] public sealed class MyLoss")))
        );
}
