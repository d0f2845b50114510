using System.Buffers.Binary;
using System.Text;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>Builds files that no honest writer makes.</summary>
internal static class Attack
{
    public static byte[] SafeTensors(string header, byte[] data) => SafeTensors(Encoding.UTF8.GetBytes(header), data);

    public static byte[] SafeTensors(byte[] header, byte[] data) => SafeTensors((ulong)header.Length, header, data);

    public static byte[] SafeTensors(ulong stated, byte[] header, byte[] data)
    {
        var length = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, stated);
        return [.. length, .. header, .. data];
    }
}
