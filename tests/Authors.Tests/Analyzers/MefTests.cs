namespace KdPlugins.Authors.Tests.Analyzers;

/// <summary>KDA0005 to KDA0009.</summary>
public sealed class MefTests
{
    // What the other MEF is called; its package is not needed to tell its attributes.
    private const string Views = """

        public interface IView { string Id { get; } }
        public sealed class View { public string Id { get; set; } = ""; }
        public sealed class ShutView { private ShutView() { } }
        namespace System.ComponentModel.Composition { public sealed class ExportAttribute : Attribute; }
        """;

    [Theory]
    [InlineData("[Import] public string? Log { get; set; }", null)]
    [InlineData("[Import] public string? Log { get; private set; }", "KDA0005")]
    [InlineData("[Import] public string? Log { get; }", "KDA0005")]
    [InlineData("[Import] internal string? Log { get; set; }", "KDA0005")]
    [InlineData("[ImportMany] public IEnumerable<string>? Logs { get; set; }", null)]
    [InlineData("[ImportMany] public string[]? Logs { get; set; }", null)]
    [InlineData("[ImportMany] public string? Logs { get; set; }", "KDA0006")]
    [InlineData("[ImportMany] public Dictionary<string, string>? Logs { get; set; }", "KDA0006")]
    [InlineData("[Import] public Lazy<string, View>? Log { get; set; }", null)]
    [InlineData("[Import] public Lazy<string, IDictionary<string, object>>? Log { get; set; }", null)]
    [InlineData("[Import] public Lazy<string, IView>? Log { get; set; }", "KDA0008")]
    [InlineData("[ImportMany] public IEnumerable<ExportFactory<string, ShutView>>? Logs { get; set; }", "KDA0008")]
    [InlineData("[ImportingConstructor] public MyLoss(Lazy<string, IView> log) { }", "KDA0008")]
    [InlineData("public Lazy<string, IView>? Log { get; set; }", null)]
    public void Imports_that_mef_leaves_empty_are_told(string members, string? expected) =>
        Assert.Equal(expected is null ? [] : [expected], Analysis.Ids(Analysis.Loss(members) + Views));

    [Theory]
    [InlineData("[System.ComponentModel.Composition.Export] public sealed class MyPart;", true)]
    [InlineData("[System.Composition.Export] public sealed class MyPart;", false)]
    public void Attributes_of_the_other_mef_are_told(string source, bool isTold) =>
        Assert.Equal(isTold ? ["KDA0007"] : [], Analysis.Ids(source + Views));

    [Theory]
    [InlineData("", "public string Name { get; set; } = \"\";", true)]
    [InlineData("", "", false)]
    [InlineData("public string Id { get; set; } = \"\";", "", false)]
    public void Derived_metadata_attributes_are_told(string own, string inherited, bool isTold) =>
        Assert.Equal(
            isTold ? ["KDA0009"] : [],
            Analysis.Ids(
                $$"""
                [MetadataAttribute] public class BaseAttribute : Attribute { {{inherited}} }
                [MetadataAttribute] public sealed class MoreAttribute : BaseAttribute { {{own}} }
                """
            )
        );
}
