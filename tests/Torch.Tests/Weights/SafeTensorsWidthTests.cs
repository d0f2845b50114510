using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using KdPlugins.Torch.Weights;
using Xunit;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>A header with as many names as fit into one is read in seconds, and what it takes grows with its length only.</summary>
public sealed class SafeTensorsWidthTests
{
    private static byte[] File(int count, Func<int, string> name)
    {
        var header = new StringBuilder("{");
        for (var i = 0; i < count; i++)
            header
                .Append(i > 0 ? "," : "")
                .Append($"\"{name(i)}\":{{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[{i},{i + 1}]}}");
        var text = Encoding.UTF8.GetBytes(header.Append('}').ToString());
        var file = new byte[8 + text.Length + count];
        BinaryPrimitives.WriteInt64LittleEndian(file, text.Length);
        text.CopyTo(file, 8);
        return file;
    }

    [Fact]
    public void What_names_take_grows_with_their_number_only()
    {
        // What grows with the square of it takes hours; 900,000 fill the longest header that the format allows.
        var count = Environment.GetEnvironmentVariable("KD_TESTS_FULL") == "1" ? 900_000 : 100_000;
        var path = Path.GetTempFileName();
        try
        {
            System.IO.File.WriteAllBytes(path, File(count, i => $"layer.{i}.w"));
            var watch = Stopwatch.StartNew();

            using var file = SafeTensorsFile.Open(path);

            Assert.Equal(count, file.Entries.Count);
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(60), $"It took {watch.Elapsed}.");
            using var module = TorchSharp.torch.nn.Linear(2, 2);
            var error = Assert.Throws<KdException>(() => ModuleWeights.Load(module, file));
            Assert.Contains($"{count - 10} more", error.Message);
            Assert.InRange(error.Message.Length, 1, 10_000);
        }
        finally
        {
            System.IO.File.Delete(path);
        }
    }
}
