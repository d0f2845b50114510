using System.Reflection;

namespace KdPlugins.Torch;

/// <summary>One entry of the error catalogue: a stable code, what it stands for, and what a user can do.</summary>
/// <param name="Id">The code, <c>KDP</c> and four digits. It never changes its meaning once released.</param>
/// <param name="Title">The failure in a few words, without values.</param>
/// <param name="Remedy">What to do about it, one sentence.</param>
public sealed record ErrorCode(string Id, string Title, string Remedy)
{
    /// <summary>The entries that a catalogue declares, in its order.</summary>
    /// <param name="catalogue">A class with a public static field for each; its last statement may be the one that asks.</param>
    public static IReadOnlyList<ErrorCode> In(Type catalogue) =>
        [
            .. catalogue
                .GetFields(BindingFlags.Public | BindingFlags.Static)
                .OrderBy(f => f.MetadataToken)
                .Select(f => f.GetValue(null))
                .OfType<ErrorCode>(),
        ];
}

/// <summary>
/// A failure that a user can understand and mend. The message starts with the stable code and says what was found,
/// where, what was expected, and what to do.
/// </summary>
public class KdException : Exception
{
    /// <summary>Makes the exception for a catalogue entry.</summary>
    /// <param name="code">The catalogue entry.</param>
    /// <param name="detail">What was found, where, and what was expected; whole sentences.</param>
    /// <param name="remedy">What to do, where it can be said more exactly than the catalogue does.</param>
    /// <param name="inner">The cause, shown only on request.</param>
    public KdException(ErrorCode code, string detail, string? remedy = null, Exception? inner = null)
        : base($"{code.Id} {Once(code, detail).TrimEnd()} {remedy ?? code.Remedy}".TrimEnd(), inner)
    {
        Code = code;
        Detail = Once(code, detail);
    }

    /// <summary>The catalogue entry.</summary>
    public ErrorCode Code { get; }

    /// <summary>What was found, without code and remedy.</summary>
    public string Detail { get; }

    // A detail that quotes another failure of the same kind would say its code a second time.
    private static string Once(ErrorCode code, string detail)
    {
        while (detail.StartsWith(code.Id, StringComparison.Ordinal))
            detail = detail[code.Id.Length..].TrimStart(':', ' ');
        return detail.Replace($": {code.Id} ", ": ");
    }
}
