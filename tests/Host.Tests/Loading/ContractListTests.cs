using System.Xml.Linq;
using KdPlugins.Host.Loading.Inspection;

namespace KdPlugins.Host.Tests.Loading;

/// <summary>What builds of plugins leave out of a plugin's folder is what the loader takes from the host.</summary>
public sealed class ContractListTests
{
    [Fact]
    public void The_builds_list_and_the_loaders_are_the_same()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Parent!.Parent!.Parent!.Parent!.FullName;
        var targets = XDocument.Load(Path.Combine(root, "core", "Sdk", "build", "KdPlugins.Plugin.targets"));
        var ofBuild = targets
            .Descendants("KdContracts")
            .SelectMany(e => e.Value.Split(';'))
            .Where(name => name != "$(KdContracts)")
            .Order(StringComparer.Ordinal);
        string[] ofLoader = [.. ContractAssemblies.Names, "Microsoft.Extensions.*.Abstractions"];
        Assert.Equal(ofLoader.Order(StringComparer.Ordinal), ofBuild);
        Assert.True(ContractAssemblies.IsContractName("Microsoft.Extensions.Logging.Abstractions"));
        Assert.False(ContractAssemblies.IsContractName("Microsoft.Extensions.Logging"));
    }
}
