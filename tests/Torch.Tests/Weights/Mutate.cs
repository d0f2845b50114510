using System.Buffers.Binary;
using System.Globalization;
using System.Text.RegularExpressions;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>Changes honest files a little, blindly or knowing their structure.</summary>
internal static partial class Mutate
{
    private static readonly long[] Numbers =
    [
        0,
        1,
        2,
        3,
        4,
        7,
        8,
        16,
        63,
        64,
        65,
        127,
        128,
        255,
        256,
        65535,
        65536,
        int.MaxValue,
        1L + int.MaxValue,
        uint.MaxValue,
        1L << 32,
        100_000_000,
        100_000_001,
        1L << 40,
        long.MaxValue / 8,
        long.MaxValue / 4 + 1,
        long.MaxValue - 1,
        long.MaxValue,
        long.MinValue,
        -1,
        -2,
        -8,
    ];

    private static readonly string[] JsonTokens =
    [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"\"",
        "null",
        "true",
        "-1",
        "0.5",
        "1e3",
        "18446744073709551615",
        "9223372036854775807",
        "\"a\"",
        "\"dtype\"",
        "\"shape\"",
        "\"data_offsets\"",
        "\"__metadata__\"",
        "\"weight_map\"",
        "\"F32\"",
        "\"BOOL\"",
        "\"U8\"",
        "\"F8_E4M3\"",
        "\"F4\"",
        "\"\\ud800\"",
        "\"\\u0000\"",
        "\"../x\"",
        "\"/x\"",
        "\0",
        " ",
        "\n",
        "[0]",
        "[]",
        "{}",
        "\u00ff",
    ];

    public static T Pick<T>(Random random, IReadOnlyList<T> items) => items[random.Next(items.Count)];

    public static long Number(Random random) =>
        random.Next(3) == 0 ? random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64) : Pick(random, Numbers);

    /// <summary>One to four blind edits: flips, numbers of all widths, cuts, copies, and pieces of other files.</summary>
    public static byte[] Bytes(Random random, byte[] source, byte[][] corpus)
    {
        var bytes = new List<byte>(source);
        for (int edits = random.Next(1, 5); edits > 0 && bytes.Count > 0; edits--)
        {
            int at = random.Next(bytes.Count);
            int length = Math.Min(random.Next(1, 33), bytes.Count - at);
            switch (random.Next(8))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes.RemoveRange(at, length);
                    break;
                case 3:
                    bytes.InsertRange(random.Next(bytes.Count), bytes.GetRange(at, length));
                    break;
                case 4:
                    Overwrite(random, bytes, at);
                    break;
                case 5:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 6:
                    byte[] other = Pick(random, corpus);
                    int from = random.Next(other.Length);
                    bytes.InsertRange(at, other[from..Math.Min(other.Length, from + random.Next(1, 65))]);
                    break;
                default:
                    bytes.InsertRange(at, Enumerable.Repeat((byte)random.Next(256), length));
                    break;
            }
        }
        return [.. bytes];
    }

    /// <summary>Edits JSON token by token; half of the time only so that it stays JSON.</summary>
    public static string Json(Random random, string text)
    {
        List<string> tokens = [.. Token().Matches(text).Select(m => m.Value)];
        if (random.Next(2) == 0)
        {
            return JsonValues(random, tokens);
        }
        for (int edits = random.Next(1, 5); edits > 0 && tokens.Count > 0; edits--)
        {
            int at = random.Next(tokens.Count);
            int length = Math.Min(random.Next(1, 12), tokens.Count - at);
            switch (random.Next(6))
            {
                case 0:
                    tokens.RemoveAt(at);
                    break;
                case 1:
                    tokens.InsertRange(at, tokens.GetRange(at, length));
                    break;
                case 2:
                    tokens[at] = Pick(random, JsonTokens);
                    break;
                case 3:
                    tokens.Insert(at, Pick(random, JsonTokens));
                    break;
                case 4:
                    int number = tokens.FindIndex(at, t => char.IsAsciiDigit(t[0]));
                    tokens[number < 0 ? at : number] = Number(random).ToString(CultureInfo.InvariantCulture);
                    break;
                default:
                    int other = random.Next(tokens.Count);
                    (tokens[at], tokens[other]) = (tokens[other], tokens[at]);
                    break;
            }
        }
        return string.Concat(tokens);
    }

    /// <summary>Replaces numbers by numbers and texts by texts.</summary>
    private static string JsonValues(Random random, List<string> tokens)
    {
        int[] values =
        [
            .. Enumerable.Range(0, tokens.Count).Where(i => tokens[i][0] == '"' || char.IsAsciiDigit(tokens[i][0])),
        ];
        string[] texts = [.. JsonTokens.Where(t => t.Length > 2 && t[0] == '"'), .. tokens.Where(t => t[0] == '"')];
        for (int edits = random.Next(1, 4); edits > 0 && values.Length > 0; edits--)
        {
            int at = Pick(random, values);
            long number = random.Next(2) == 0 ? random.Next(10) : Number(random);
            tokens[at] = tokens[at][0] == '"' ? Pick(random, texts) : number.ToString(CultureInfo.InvariantCulture);
        }
        return string.Concat(tokens);
    }

    /// <summary>Edits a pickle operation by operation; half of the time each only by another of its kind.</summary>
    public static byte[] Pickle(Random random, IReadOnlyList<byte[]> operations, IReadOnlyList<byte[]> pool)
    {
        List<byte[]> edited = [.. operations];
        if (random.Next(2) == 0)
        {
            return PickleValues(random, edited, pool);
        }
        for (int edits = random.Next(1, 4); edits > 0 && edited.Count > 0; edits--)
        {
            int at = random.Next(edited.Count);
            int length = Math.Min(random.Next(1, 20), edited.Count - at);
            switch (random.Next(6))
            {
                case 0:
                    edited.RemoveAt(at);
                    break;
                case 1:
                    edited.InsertRange(random.Next(edited.Count), edited.GetRange(at, length));
                    break;
                case 2:
                    edited[at] = Pick(random, pool);
                    break;
                case 3:
                    edited.Insert(at, Pick(random, pool));
                    break;
                case 4:
                    edited[at] = Argument(random, edited[at]);
                    break;
                default:
                    edited.Insert(at, Invent(random));
                    break;
            }
        }
        return [.. edited.SelectMany(o => o)];
    }

    private static byte[] PickleValues(Random random, List<byte[]> operations, IReadOnlyList<byte[]> pool)
    {
        int[] values = [.. Enumerable.Range(0, operations.Count).Where(i => operations[i].Length > 1)];
        for (int edits = random.Next(1, 4); edits > 0 && values.Length > 0; edits--)
        {
            int at = Pick(random, values);
            byte[] other = Pick(random, pool);
            operations[at] =
                other[0] == operations[at][0] ? other
                : operations[at][0] == (byte)'K' ? P.Int(random.Next(2) == 0 ? random.Next(10) : Number(random))
                : Argument(random, operations[at]);
        }
        return [.. operations.SelectMany(o => o)];
    }

    /// <summary>Splits a pickle of protocol 2 into its operations.</summary>
    public static List<byte[]> Operations(byte[] pickle)
    {
        var operations = new List<byte[]>();
        for (int at = 0; at < pickle.Length; )
        {
            int length = pickle[at] switch
            {
                (byte)'K' or (byte)'q' or (byte)'h' or 0x80 => 2,
                (byte)'M' => 3,
                (byte)'J' or (byte)'r' or (byte)'j' => 5,
                (byte)'G' => 9,
                (byte)'X' => 5 + BinaryPrimitives.ReadInt32LittleEndian(pickle.AsSpan(at + 1)),
                (byte)'U' or 0x8a => 2 + pickle[at + 1],
                (byte)'c' => Line(pickle, Line(pickle, at)) - at,
                _ => 1,
            };
            operations.Add(pickle[at..(at + length)]);
            at += length;
        }
        return operations;
    }

    private static int Line(byte[] pickle, int at) => Array.IndexOf(pickle, (byte)'\n', at) + 1;

    private static byte[] Argument(Random random, byte[] operation)
    {
        byte[] changed = [.. operation];
        if (changed.Length > 1)
        {
            changed[random.Next(1, changed.Length)] = (byte)random.Next(256);
        }
        return changed;
    }

    private static byte[] Invent(Random random) =>
        random.Next(5) switch
        {
            0 => P.Int(Number(random)),
            1 => [(byte)random.Next(256)],
            2 => [(byte)'h', (byte)random.Next(64)],
            3 => P.Text(new string('x', random.Next(40))),
            _ => P.Global(
                Pick(random, ["collections", "torch", "torch._utils", "os"]),
                Pick(random, ["OrderedDict", "IntStorage", "_rebuild_tensor_v2", "system"])
            ),
        };

    private static void Overwrite(Random random, List<byte> bytes, int at)
    {
        Span<byte> number = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(number, Number(random));
        int width = Math.Min(1 << random.Next(4), bytes.Count - at);
        for (int i = 0; i < width; i++)
        {
            bytes[at + i] = number[i];
        }
    }

    [GeneratedRegex(
        """  "(?:\\.|[^"\\])*"|-?[0-9.]+|[a-z]+|\s+|.  """,
        RegexOptions.Singleline | RegexOptions.IgnorePatternWhitespace
    )]
    private static partial Regex Token();
}
