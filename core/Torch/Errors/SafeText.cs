using System.Globalization;
using System.Text;

namespace KdPlugins.Torch;

/// <summary>Text of others as it may be shown: nothing in it that a terminal or a log would act on.</summary>
public static class SafeText
{
    /// <summary>
    /// The text with every control and format character (escapes, bells, changes of direction) and every half of a surrogate
    /// pair as "?"; tabs and line ends stay.
    /// </summary>
    public static string Of(string text)
    {
        if (IsSafe(text))
            return text;
        var safe = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
            if (char.IsSurrogatePair(text, i))
                safe.Append(text, i++, 2);
            else
                safe.Append(IsShown(text[i]) ? text[i] : '?');
        return safe.ToString();
    }

    /// <summary>The same on one line: a line end would let a name forge what follows it.</summary>
    public static string Line(string text) => Of(text).Replace('\r', '?').Replace('\n', '?');

    private static bool IsSafe(string text)
    {
        foreach (var c in text)
            if (!IsShown(c))
                return false;
        return true;
    }

    private static bool IsShown(char c) =>
        c is '\t' or '\n'
        || CharUnicodeInfo.GetUnicodeCategory(c)
            is not (
                UnicodeCategory.Control
                or UnicodeCategory.Format
                or UnicodeCategory.Surrogate
                or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator
            );
}
