using System.IO.Compression;
using System.IO.Hashing;
using System.Text;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>One entry of a container to build; every field of its headers can lie.</summary>
internal sealed class ZipPart(string name, byte[] content)
{
    public byte[] Name { get; set; } = Encoding.UTF8.GetBytes(name);
    public byte[]? LocalName { get; set; }
    public byte[] Content { get; set; } = content;
    public bool Deflate { get; set; }
    public int? Method { get; set; }
    public int? LocalMethod { get; set; }
    public int Flags { get; set; }
    public int Disk { get; set; }
    public uint? Crc { get; set; }
    public long? Size { get; set; }
    public long? Stored { get; set; }
    public long? Offset { get; set; }
    public byte[] Extra { get; set; } = [];
}

/// <summary>Builds zip containers byte by byte.</summary>
internal sealed class Zip(params IEnumerable<ZipPart> parts)
{
    public List<ZipPart> Parts { get; } = [.. parts];
    public byte[] Prefix { get; set; } = [];
    public byte[] Suffix { get; set; } = [];
    public int? Count { get; set; }
    public bool Wide { get; set; }
    public long CentralShift { get; set; }

    /// <summary>A file of torch.save with this pickle, and these storages under 0, 1, ...</summary>
    public static Zip Checkpoint(byte[] pickle, params byte[][] storages) =>
        new([
            new("a/data.pkl", pickle),
            .. storages.Select((s, i) => new ZipPart($"a/data/{i}", s)),
            new("a/version", "3\n"u8.ToArray()),
        ]);

    /// <summary>A state dict of one float vector.</summary>
    public static Zip Honest(int count = 4) =>
        Checkpoint(P.Pickle(P.Dict(("w", P.Floats("0", count)))), new byte[4 * count]);

    public byte[] Build()
    {
        var file = new List<byte>(Prefix);
        var central = new List<byte>();
        foreach (ZipPart part in Parts)
        {
            byte[] packed = part.Deflate ? Pack(part.Content) : part.Content;
            uint crc = part.Crc ?? Crc32.HashToUInt32(part.Content);
            long stored = part.Stored ?? packed.Length;
            long size = part.Size ?? part.Content.Length;
            int method = part.Method ?? (part.Deflate ? 8 : 0);
            long offset = part.Offset ?? file.Count;
            byte[] localName = part.LocalName ?? part.Name;
            file.AddRange(
                Fields(0x04034b50u, (ushort)20, (ushort)part.Flags, (ushort)(part.LocalMethod ?? method), 0u, crc)
            );
            file.AddRange(Fields((uint)stored, (uint)size, (ushort)localName.Length, (ushort)0));
            file.AddRange([.. localName, .. packed]);
            central.AddRange(Fields(0x02014b50u, (ushort)20, (ushort)20, (ushort)part.Flags, (ushort)method, 0u, crc));
            central.AddRange(
                Fields((uint)stored, (uint)size, (ushort)part.Name.Length, (ushort)part.Extra.Length, (ushort)0)
            );
            central.AddRange(Fields((ushort)part.Disk, (ushort)0, 0u, (uint)offset));
            central.AddRange([.. part.Name, .. part.Extra]);
        }
        long start = file.Count + CentralShift;
        file.AddRange(central);
        AddEnd(file, start, central.Count);
        return [.. file, .. Suffix];
    }

    private void AddEnd(List<byte> file, long start, int length)
    {
        int count = Count ?? Parts.Count;
        if (Wide)
        {
            long end64 = file.Count;
            file.AddRange(
                Fields(0x06064b50u, 44L, (ushort)45, (ushort)45, 0u, 0u, (long)count, (long)count, (long)length, start)
            );
            file.AddRange(Fields(0x07064b50u, 0u, end64, 1u));
        }
        file.AddRange(
            Fields(
                0x06054b50u,
                (ushort)0,
                (ushort)0,
                (ushort)count,
                (ushort)count,
                (uint)length,
                (uint)start,
                (ushort)0
            )
        );
    }

    public static byte[] Pack(byte[] content)
    {
        using var packed = new MemoryStream();
        using (var deflate = new DeflateStream(packed, CompressionLevel.Optimal))
        {
            deflate.Write(content);
        }
        return packed.ToArray();
    }

    private static byte[] Fields(params object[] fields)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        foreach (object field in fields)
        {
            switch (field)
            {
                case ushort value:
                    writer.Write(value);
                    break;
                case uint value:
                    writer.Write(value);
                    break;
                case long value:
                    writer.Write(value);
                    break;
                default:
                    throw new ArgumentException(field.GetType().Name);
            }
        }
        return stream.ToArray();
    }
}
