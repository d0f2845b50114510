using KdPlugins.Torch;

namespace KdPlugins.Plugins.Tests.Datasets;

/// <summary>Files that are cut anywhere, or have some bytes changed.</summary>
internal static class Damage
{
    /// <summary>Reads damaged forms of a file, the same ones every time: each is read, or refused with one of the codes.</summary>
    public static void Each(byte[] intact, int times, int changes, Action<byte[]> read, params string[] codes)
    {
        var random = new Random(1);
        for (var i = 0; i < times; i++)
        {
            var bytes = i % 3 == 0 ? intact[..random.Next(intact.Length)] : intact.ToArray();
            for (var k = 0; k < changes && i % 3 > 0; k++)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            var failure = Record.Exception(() => read(bytes));
            Assert.True(failure is null || (failure is KdException e && codes.Contains(e.Code.Id)), $"{i}: {failure}");
        }
    }
}
