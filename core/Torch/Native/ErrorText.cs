using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace KdPlugins.Torch.Native;

/// <summary>
/// Catches the text of libtorch's failures. The stable C ABI answers a failure with a code and writes the message to
/// <c>std::cerr</c>, in one piece and on the failing thread; so the stream gets a buffer of ours, which keeps error
/// lines for the caller and passes everything else on to the process's standard error.
/// </summary>
internal static unsafe class ErrorText
{
    private const int StreamBufferSize = 128;
    private const int TableSlots = 14;
    private const string MessageStart = "Exception in aoti_torch: ";
    private const string MessageEnd = "\nException raised from";

    [ThreadStatic]
    private static string? _last;

    /// <summary>The message of this thread's latest failure, without source locations; empty where there was none.</summary>
    internal static string Take()
    {
        var text = _last ?? "";
        _last = null;
        var start = text.IndexOf(MessageStart, StringComparison.Ordinal);
        if (start >= 0)
            text = text[(start + MessageStart.Length)..];
        var end = text.IndexOf(MessageEnd, StringComparison.Ordinal);
        return (end >= 0 ? text[..end] : text).Trim();
    }

    /// <summary>Installs the buffer. Without the symbols it needs, errors merely lack libtorch's text.</summary>
    internal static void Install()
    {
        MangledSymbol[] needed =
        [
            MangledSymbols.StreamBufferTable,
            MangledSymbols.LocaleConstructor,
            MangledSymbols.SetStreamBuffer,
            MangledSymbols.StandardError,
        ];
        if (Array.TrueForAll(needed, s => s.IsPresent))
            ReplaceBuffer(needed[0].RawAddress, needed[1].RawAddress, needed[2].RawAddress, needed[3].RawAddress);
        if (MangledSymbols.SetStackTraceFetcher.IsPresent)
            SilenceStackTraces(MangledSymbols.SetStackTraceFetcher.RawAddress);
    }

    private static void ReplaceBuffer(
        nint streamBufferTable,
        nint localeConstructor,
        nint setStreamBuffer,
        nint standardError
    )
    {
        const int header = 2; // offset to top and type information stand before the functions
        var table = (nint*)NativeMemory.Alloc((header + TableSlots) * (nuint)sizeof(nint));
        new ReadOnlySpan<nint>((void*)streamBufferTable, header + TableSlots).CopyTo(
            new Span<nint>(table, header + TableSlots)
        );
        table[header + 6] = (nint)(delegate* unmanaged<nint, int>)&Sync;
        table[header + 12] = (nint)(delegate* unmanaged<nint, byte*, long, long>)&Write;
        table[header + 13] = (nint)(delegate* unmanaged<nint, int, int>)&Overflow;

        var buffer = (nint*)NativeMemory.AllocZeroed(StreamBufferSize);
        buffer[0] = (nint)(table + header);
        ((delegate* unmanaged<nint*, void>)localeConstructor)(buffer + 7);

        // std::ios is a virtual base of the stream: its offset stands in front of the stream's function table.
        var ios = standardError + (*(nint**)standardError)[-3];
        var set = (delegate* unmanaged<nint, nint*, nint*>)setStreamBuffer;
        var old = set(ios, buffer);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => set(ios, old);
    }

    // A std::function<std::string()> by hand: 16 bytes of storage, the manager, the invoker.
    private static void SilenceStackTraces(nint setStackTraceFetcher)
    {
        var function = stackalloc nint[4];
        function[0] = function[1] = 0;
        function[2] = (nint)(delegate* unmanaged<nint, nint, int, byte>)&ManageNothing;
        function[3] = (nint)(delegate* unmanaged<nint*, nint, nint*>)&EmptyString;
        ((delegate* unmanaged<nint*, void>)setStackTraceFetcher)(function);
    }

    [UnmanagedCallersOnly]
    private static byte ManageNothing(nint destination, nint source, int operation) => 0;

    [UnmanagedCallersOnly]
    private static nint* EmptyString(nint* result, nint storage)
    {
        result[0] = (nint)(result + 2);
        result[1] = 0;
        result[2] = 0;
        return result;
    }

    [UnmanagedCallersOnly]
    private static int Sync(nint self) => 0;

    [UnmanagedCallersOnly]
    private static int Overflow(nint self, int character)
    {
        var one = (byte)character;
        if (character >= 0)
            PassOn(&one, 1);
        return character;
    }

    [UnmanagedCallersOnly]
    private static long Write(nint self, byte* text, long count)
    {
        // Other lines that libtorch logs as errors belong to nobody's call: they stay visible.
        var line = new ReadOnlySpan<byte>(text, checked((int)count));
        if (line.StartsWith("[E"u8) && line.IndexOf("Exception in aoti_torch: "u8) >= 0)
            _last = Encoding.UTF8.GetString(line);
        else if (!IsOfNoUse(line))
            PassOn(text, count);
        return count;
    }

    // On processors that NNPACK does not know, libtorch says so in every convolution that it might have served.
    internal static bool IsOfNoUse(ReadOnlySpan<byte> line) =>
        line.StartsWith("[W"u8) && line.IndexOf("Could not initialize NNPACK!"u8) >= 0;

    private static void PassOn(byte* text, long count)
    {
        for (long done = 0; done < count; )
        {
            var n = write(2, text + done, (nuint)(count - done));
            if (n <= 0)
                return;
            done += n;
        }
    }

    [DllImport("libc", ExactSpelling = true)]
    private static extern nint write(int descriptor, byte* bytes, nuint count);
}
