using KdPlugins.Torch;
using Microsoft.Extensions.Logging;

namespace KdPlugins.Host.Service;

/// <summary>What the service logs. The numbers are stable.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Run {Job} was submitted by {Source}.")]
    internal static partial void Submitted(ILogger log, string job, string source);

    [LoggerMessage(2, LogLevel.Information, "Run {Job}: attempt {Attempt} begins on {Device}.")]
    internal static partial void AttemptBegins(ILogger log, string job, int attempt, string device);

    [LoggerMessage(3, LogLevel.Information, "Run {Job} is {State}. {Message}")]
    internal static partial void AttemptEnded(ILogger log, string job, string state, Shown message);

    [LoggerMessage(4, LogLevel.Warning, "{Message}")]
    internal static partial void QueueRepaired(ILogger log, Shown message);

    [LoggerMessage(5, LogLevel.Error, "The end of run {Job} could not be recorded; it is tried again.")]
    internal static partial void SettleTrouble(ILogger log, string job, Exception error);

    [LoggerMessage(6, LogLevel.Warning, "Only {Free} MB are free below {Folder}: runs wait.")]
    internal static partial void DiskLow(ILogger log, long free, Shown folder);

    [LoggerMessage(7, LogLevel.Information, "Plugins: {Active} in use from {Folders} folders, set {Set}.")]
    internal static partial void PluginsComposed(ILogger log, int active, int folders, string set);

    [LoggerMessage(8, LogLevel.Warning, "Plugin folder {Folder} is refused: {Reason}")]
    internal static partial void PluginRefused(ILogger log, Shown folder, Shown reason);

    [LoggerMessage(
        9,
        LogLevel.Warning,
        "Plugin folder {Folder}: the new version is refused, the old one stays in use. {Reason}"
    )]
    internal static partial void PluginRolledBack(ILogger log, Shown folder, Shown reason);

    [LoggerMessage(10, LogLevel.Information, "Plugin set {Set} is unloaded.")]
    internal static partial void PluginsUnloaded(ILogger log, string set);

    [LoggerMessage(11, LogLevel.Warning, "Plugin set {Set} did not unload: {Holders}")]
    internal static partial void PluginsLeaked(ILogger log, string set, Shown holders);

    [LoggerMessage(12, LogLevel.Warning, "Inbox: {File} was refused: {Reason}")]
    internal static partial void InboxRefused(ILogger log, Shown file, Shown reason);

    [LoggerMessage(13, LogLevel.Warning, "An orphaned worker (process {Process}) of run {Job} was ended.")]
    internal static partial void OrphanEnded(ILogger log, int process, string job);

    [LoggerMessage(
        14,
        LogLevel.Warning,
        "Changes of the plugin folder are not announced; it is looked at now and then."
    )]
    internal static partial void NotAnnounced(ILogger log, Exception error);

    [LoggerMessage(15, LogLevel.Information, "Listening on {Urls}, data in {Data}.")]
    internal static partial void Listening(ILogger log, string urls, string data);

    [LoggerMessage(16, LogLevel.Error, "The {Part} could not go on; it tries again after {Seconds} s.")]
    internal static partial void PartTrouble(ILogger log, string part, double seconds, Exception error);

    [LoggerMessage(17, LogLevel.Error, "Run {Job}: something beside it went wrong; it goes on.")]
    internal static partial void BesideTrouble(ILogger log, string job, Exception error);

    [LoggerMessage(18, LogLevel.Error, "A change of run {Job} could not be passed on or written to its folder.")]
    internal static partial void ChangeTrouble(ILogger log, string job, Exception error);

    [LoggerMessage(
        26,
        LogLevel.Warning,
        "Plugin folder {Folder} is in use, though it stays in memory when it is unloaded; runs end with their processes. {Reason}"
    )]
    internal static partial void PluginHeld(ILogger log, string folder, string reason);
}

/// <summary>A text of others on its way into a log: on one line, and nothing in it that a terminal acts on.</summary>
internal readonly record struct Shown(string Text)
{
    public static implicit operator Shown(string text) => new(text);

    /// <inheritdoc/>
    public override string ToString() => SafeText.Of(Text ?? "").ReplaceLineEndings(" ");
}
