using System.Text.Json.Nodes;

namespace KdPlugins.Host.Service.Plugins;

/// <summary>What a check of a plugin folder found.</summary>
/// <param name="IsGood">Whether all of it can be made.</param>
/// <param name="MayBeLoaded">Whether looking at it harms nobody: false where the check itself crashed or hung.</param>
/// <param name="Reason">What is wrong; empty for nothing.</param>
/// <param name="Leak">What may hold it in memory, where it does not unload; empty where it does.</param>
internal sealed record CheckResult(bool IsGood, bool MayBeLoaded, string Reason, string Leak = "");

/// <summary>What a check of several plugin folders at once found.</summary>
/// <param name="Whole">Of all of them together.</param>
/// <param name="Folders">Of each, as far as the check came to tell.</param>
internal sealed record CheckReport(CheckResult Whole, IReadOnlyDictionary<string, CheckResult> Folders)
{
    /// <summary>What was found about one; null where it has to be checked alone.</summary>
    internal CheckResult? Of(string folder) => Folders.GetValueOrDefault(folder) ?? (Whole.IsGood ? Whole : null);
}

/// <summary>
/// Tries plugin folders in a process of its own before the service loads them: a constructor that crashes, exits or hangs
/// ends that process, not the service.
/// </summary>
internal sealed class IsolatedCheck(ServiceOptions options)
{
    /// <summary>Checks the folders below a root.</summary>
    internal async Task<CheckReport> Run(string root, CancellationToken stop)
    {
        var answer = await new PluginProcess(options).Ask(["plugins", "verify", "--plugins", root], stop);
        return answer is null
            ? new(new(false, false, $"Its check did not end within {PluginProcess.Patience.TotalSeconds:0} s."), None)
            : Judge(answer);
    }

    private static IReadOnlyDictionary<string, CheckResult> None { get; } = new Dictionary<string, CheckResult>();

    private static CheckReport Judge(PluginAnswer answer)
    {
        // A plugin that ends the process as if all were well has not been verified.
        if (answer.Said("verified") is { } verified)
        {
            var folders = verified["folders"] is JsonObject found
                ? found.ToDictionary(f => f.Key, f => Judge(f.Value!))
                : None;
            var reason = Join(verified["problems"]);
            return new(new(answer.ExitCode == 0, true, reason), folders);
        }
        return answer.Said("error") is { } failure
            ? new(new(false, true, (string?)failure["message"] ?? ""), None)
            : new(
                new(
                    false,
                    false,
                    $"Its check ended with exit code {answer.ExitCode}: the process did not survive its plugins."
                ),
                None
            );
    }

    private static CheckResult Judge(JsonNode folder)
    {
        var reason = Join(folder["problems"]);
        return new(reason.Length == 0, true, reason, (string?)folder["leak"] ?? "");
    }

    private static string Join(JsonNode? texts) =>
        texts is JsonArray list ? string.Join(" ", list.Select(t => (string?)t)) : "";
}
