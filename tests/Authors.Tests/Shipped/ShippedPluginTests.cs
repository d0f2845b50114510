using KdPlugins.Testing;

namespace KdPlugins.Authors.Tests.Shipped;

/// <summary>The kit over every plugin that comes with the host. Whole runs in sittings are the plugins' own tests.</summary>
public sealed class ShippedPluginTests
{
    // One run of a strategy tells all of these.
    private static readonly string[] OfStrategies =
    [
        "composition",
        "options",
        "calls",
        "stages",
        "modes",
        "context",
        "global generator",
    ];

    // What is read from files has tests of its own, which write them.
    private static readonly string[] OfFiles = ["composition", "options", "calls"];
    private static readonly string[] Files =
    [
        "Dataset/cifar",
        "Dataset/mnist",
        "Dataset/image-folder",
        "Dataset/image-list",
        "Dataset/npz",
        "Dataset/image-parquet",
        "Dataset/image-tar",
        "Dataset/segmentation-folder",
        "Dataset/distilled-set",
        "Dataset/compensated-set",
        "Dataset/text-file",
        "Dataset/text-table",
        "Model/onnx-teacher",
    ];

    public static TheoryData<string> Names => [.. ShippedPlugins.ByName.Keys.Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_shipped_plugin_conforms(string name)
    {
        var suite = ShippedPlugins.Suite(name, ShippedSettings.Of(name));
        var chosen = name switch
        {
            _ when Files.Contains(name) => suite.Only(OfFiles),
            // Texts, and networks that have learnt them, are no part of the kit.
            "Tool/judge-texts" => suite.Only("composition", "options", "calls", "option names"),
            _ when name.StartsWith("Strategy/", StringComparison.Ordinal) => suite.Only(OfStrategies),
            _ => suite.Only([.. suite.Checks.Select(c => c.Name).Where(n => n != "resume")]),
        };
        chosen.Verify();
    }

    [Fact]
    public void All_of_them_are_found() =>
        Assert.True(ShippedPlugins.ByName.Count >= 60, $"{ShippedPlugins.ByName.Count}");
}
