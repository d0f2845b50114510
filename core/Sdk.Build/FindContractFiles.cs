using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Build.Framework;

namespace KdPlugins.Sdk.Build;

/// <summary>
/// Which files of packages belong to the contracts, or are there only because a contract needs them: the host has those,
/// and a copy beside the plugin would never be used.
/// </summary>
public sealed class FindContractFiles : BuildTask
{
    /// <summary>project.assets.json of the restore.</summary>
    [Required]
    public string AssetsFile { get; set; } = "";

    /// <summary>Ids of the packages that the host provides; <c>*</c> stands for anything.</summary>
    [Required]
    public string[] Contracts { get; set; } = [];

    /// <summary>Files of packages, with the metadata <c>NuGetPackageId</c>.</summary>
    [Required]
    public ITaskItem[] Files { get; set; } = [];

    /// <summary>Those of them that the plugin's folder does not need.</summary>
    [Output]
    public ITaskItem[] ContractFiles { get; private set; } = [];

    /// <inheritdoc/>
    protected override void Run()
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(AssetsFile));
        var wanted = Private(document.RootElement);
        ContractFiles = [.. Files.Where(f => !wanted.Contains(f.GetMetadata("NuGetPackageId")))];
    }

    // What the project reaches without passing a contract.
    private HashSet<string> Private(JsonElement assets)
    {
        var needs = new Dictionary<string, List<string>>(StringComparer.OrdinalIgnoreCase);
        foreach (var target in assets.GetProperty("targets").EnumerateObject())
        foreach (var library in target.Value.EnumerateObject())
        {
            if (library.Value.TryGetProperty("dependencies", out var dependencies))
                Needs(library.Name.Split('/')[0]).AddRange(dependencies.EnumerateObject().Select(d => d.Name));
        }
        var found = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var open = new Stack<string>(Direct(assets));
        while (open.TryPop(out var id))
        {
            if (IsContract(id) || !found.Add(id))
                continue;
            foreach (var next in Needs(id))
                open.Push(next);
        }
        return found;

        List<string> Needs(string id) => needs.TryGetValue(id, out var list) ? list : needs[id] = [];
    }

    // "Some.Package >= 1.0.0"
    private static IEnumerable<string> Direct(JsonElement assets) =>
        assets
            .GetProperty("projectFileDependencyGroups")
            .EnumerateObject()
            .SelectMany(g => g.Value.EnumerateArray())
            .Select(d => d.GetString()!.Split(' ')[0]);

    private bool IsContract(string id) =>
        Contracts.Any(c =>
            Regex.IsMatch(
                id,
                $"^{Regex.Escape(c).Replace("\\*", ".*")}$",
                RegexOptions.IgnoreCase | RegexOptions.CultureInvariant
            )
        );
}
