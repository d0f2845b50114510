using System.Text;

namespace KdPlugins.Text;

/// <summary>What a token's bytes are called.</summary>
internal static class TokenText
{
    private static readonly UTF8Encoding Strict = new(false, true);

    /// <summary>Their text, where they are one; else each as <c>&lt;0xE2&gt;</c>.</summary>
    internal static string Of(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Strict.GetString(bytes);
        }
        catch (ArgumentException)
        {
            return string.Concat(bytes.ToArray().Select(b => $"<0x{b:X2}>"));
        }
    }
}
