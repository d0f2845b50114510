namespace KdPlugins.Architecture.Tests;

/// <summary>What a build may leave where.</summary>
public sealed class OutputTests
{
    [Fact]
    public void No_output_folder_holds_libtorch_or_ONNX_Runtime()
    {
        var outputs = Directory
            .EnumerateDirectories(Repository.Root, "bin", SearchOption.AllDirectories)
            .Where(d => Path.GetRelativePath(Repository.Root, d)[0] != '.')
            .ToList();
        Assert.NotEmpty(outputs);
        var found = outputs
            .SelectMany(o =>
                ((string[])["libtorch*.so*", "*onnxruntime.so", "*onnxruntime.dylib"]).SelectMany(f =>
                    Directory.EnumerateFiles(o, f, SearchOption.AllDirectories)
                )
            )
            // Publishing for a machine without a package folder puts it there on request.
            .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}publish{Path.DirectorySeparatorChar}"))
            // A plugin's folder holds what the plugin needs beside the host, and this one is ONNX Runtime's.
            .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}OnnxModels{Path.DirectorySeparatorChar}"));
        Assert.Empty(found);
    }

    // A solution's build leaves out what is not in it, also where another project asks for it.
    [Fact]
    public void Every_project_is_in_the_solution()
    {
        var solution = File.ReadAllText(Path.Combine(Repository.Root, "KdPlugins.sln"));
        var left = Repository
            .Files("*.?sproj")
            // Templates are of projects that are not there yet.
            .Where(p => !p.StartsWith("core/Templates/", StringComparison.Ordinal))
            .Where(p => !solution.Contains($"\"{p.Replace('/', '\\')}\"", StringComparison.Ordinal));
        Assert.Empty(left);
    }

    [Fact]
    public void Every_shipped_plugin_lies_beside_the_host_in_its_own_folder()
    {
        var projects = Directory
            .EnumerateFiles(Path.Combine(Repository.Root, "plugins"), "*.?sproj", SearchOption.AllDirectories)
            .Select(p => Path.GetFileName(Path.GetDirectoryName(p)!))
            .Order(StringComparer.Ordinal);
        Assert.Equal(projects, Repository.PluginFolders.Select(Path.GetFileName));
    }

    [Fact]
    public void A_plugins_folder_has_its_dependency_file_and_no_contract()
    {
        string[] contracts =
        [
            "KdPlugins.Sdk.dll",
            "KdPlugins.Core.dll",
            "KdPlugins.Torch.dll",
            "TorchSharp.dll",
            "FSharp.Core.dll",
            "System.Composition.AttributedModel.dll",
        ];
        foreach (var folder in Repository.PluginFolders)
        {
            Assert.True(File.Exists(Path.Combine(folder, $"KdPlugins.{Path.GetFileName(folder)}.deps.json")), folder);
            Assert.DoesNotContain(contracts, c => File.Exists(Path.Combine(folder, c)));
        }
    }
}
