using KdPlugins.Core;

namespace KdPlugins.Host.Loading.Parts;

/// <summary>What to do about a part that does not compose, in both languages: F# authors have no analyzer that says it earlier.</summary>
internal static class MefRemedy
{
    /// <summary>The remedy for what MEF says; null where the catalogue's holds.</summary>
    internal static string? Of(PluginKind kind, string message)
    {
        if (message.Contains("not assignable", StringComparison.Ordinal))
            return $"Derive the class from {Base(kind)}<Options>: 'class X : {Base(kind)}<Options>' in C#, "
                + $"'inherit {Base(kind)}<Options>()' in F#.";
        return message.Contains("No export was found", StringComparison.Ordinal)
            ? "Export it from the same assembly by its interface, [Export(typeof(INeeded))] in C#, [<Export(typeof<INeeded>)>] in "
                + "F#, on a public class outside of any module, or drop the import."
            : null;
    }

    private static string Base(PluginKind kind) =>
        kind switch
        {
            PluginKind.Loss => "DistillationLoss",
            PluginKind.Strategy => "DistillationStrategy",
            PluginKind.Model => "ModelPlugin",
            PluginKind.Dataset => "DatasetPlugin",
            _ => kind.ToString(),
        };
}
