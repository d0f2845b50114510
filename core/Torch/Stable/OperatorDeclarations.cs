using System.Text;
using KdPlugins.Torch.Native;

namespace KdPlugins.Torch.Stable;

/// <summary>
/// The declarations that the libtorch in use was built with. libtorch registers its operators from texts, which stand in
/// the read-only data of libtorch_cpu.so, each ended by a zero byte.
/// </summary>
internal static class OperatorDeclarations
{
    private const string DefaultNamespace = "aten::";

    /// <summary>Whether exactly this declaration is there.</summary>
    internal static bool Contain(StableSchema schema)
    {
        using IDisposable file = Open(out var texts);
        var wanted = Encoding.UTF8.GetBytes(AsRegistered(schema.Text) + "\0");
        return texts.Span.IndexOf(wanted) >= 0;
    }

    /// <summary>The declarations of an operator, with the namespace in front.</summary>
    internal static IReadOnlyList<string> Of(string name)
    {
        using IDisposable file = Open(out var texts);
        var found = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var opening in (string[])[$"{AsRegistered(name)}(", $"{AsRegistered(name)}."])
        foreach (var at in Positions(texts.Span, Encoding.UTF8.GetBytes(opening)))
        {
            var rest = texts.Span[at..];
            var end = rest.IndexOf((byte)0);
            var text = Encoding.UTF8.GetString(end < 0 ? rest : rest[..end]);
            if (text.Contains(") -> ", StringComparison.Ordinal))
                found.Add(name.StartsWith(DefaultNamespace, StringComparison.Ordinal) ? DefaultNamespace + text : text);
        }
        return [.. found];
    }

    // aten's operators are registered without their namespace, all others with it.
    private static string AsRegistered(string text) =>
        text.StartsWith(DefaultNamespace, StringComparison.Ordinal) ? text[DefaultNamespace.Length..] : text;

    private static MappedFile Open(out ReadOnlyMemory<byte> texts)
    {
        var file = new MappedFile(Path.Combine(NativeRuntime.Start().LibTorchFolder, "libtorch_cpu.so"));
        texts = ElfFile.Parse(file.Memory).Section(".rodata");
        return file;
    }

    // Places where the text begins a string: right after the end of another.
    private static List<int> Positions(ReadOnlySpan<byte> texts, byte[] wanted)
    {
        var found = new List<int>();
        for (var at = 0; at < texts.Length; )
        {
            var next = texts[at..].IndexOf(wanted);
            if (next < 0)
                break;
            at += next;
            if (at == 0 || texts[at - 1] == 0)
                found.Add(at);
            at++;
        }
        return found;
    }
}
