using KdPlugins.Torch;

namespace KdPlugins.Host.Loading;

/// <summary>How much a finding weighs.</summary>
public enum Severity
{
    /// <summary>Worth knowing.</summary>
    Note,

    /// <summary>Works, but something ought to be changed.</summary>
    Warning,

    /// <summary>What it is about is not used.</summary>
    Error,
}

/// <summary>What the loader has to say about a plugin. Holds text only, so that it never keeps a plugin in memory.</summary>
/// <param name="Severity">How much it weighs.</param>
/// <param name="Code">The catalogue entry.</param>
/// <param name="Detail">What was found, where, and what was expected.</param>
/// <param name="Remedy">What to do, where it can be said more exactly than the catalogue does.</param>
/// <param name="Trace">The stack trace behind it, shown only on request.</param>
public sealed record Finding(
    Severity Severity,
    ErrorCode Code,
    string Detail,
    string? Remedy = null,
    string? Trace = null
)
{
    /// <summary>Code, detail and remedy, as an exception would say it.</summary>
    public override string ToString() => $"{Code.Id} {Detail} {Remedy ?? Code.Remedy}";

    internal static Finding Error(ErrorCode code, string detail, string? remedy = null) =>
        new(Severity.Error, code, detail, remedy);

    internal static Finding Warning(ErrorCode code, string detail, string? remedy = null) =>
        new(Severity.Warning, code, detail, remedy);
}
