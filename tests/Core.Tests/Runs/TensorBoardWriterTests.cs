using System.Buffers.Binary;
using System.Text;
using KdPlugins.Torch;
using Tensorboard;
using Xunit;

namespace KdPlugins.Core.Tests.Runs;

/// <summary>
/// The file is decoded here once more: the records by the specification with a CRC of its own, the events by the message
/// classes that TensorFlow's definitions generate.
/// </summary>
public sealed class TensorBoardWriterTests : IDisposable
{
    // A PNG of one red pixel.
    private const string Png =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

    private readonly TemporaryFolder _folder = new();
    private readonly FixedTime _time = new();
    private readonly RunFolder _run;

    public TensorBoardWriterTests() => _run = RunFolder.Create(_folder["run"], Samples.Recipe, _time);

    public void Dispose()
    {
        _run.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("", 0x00000000u)]
    [InlineData("123456789", 0xe3069283u)]
    [InlineData("The quick brown fox jumps over the lazy dog", 0x22620404u)]
    public void The_checksum_of_this_test_is_CRC32C_by_its_published_check_values(string text, uint expected)
    {
        Assert.Equal(expected, Crc32C(Encoding.ASCII.GetBytes(text)));
        uint masked = unchecked(((expected >> 15) | (expected << 17)) + 0xa282ead8u);
        Assert.Equal(masked, TfRecord.maskedCrc(Encoding.ASCII.GetBytes(text)));
    }

    [Fact]
    public void Scalars_come_back_with_time_step_and_tag()
    {
        string path;
        using (TensorBoardWriter writer = TensorBoardWriter.Open(_run))
        {
            path = writer.FilePath;
            writer.Scalars(1, new Dictionary<string, double> { ["loss/dkd"] = 0.1, ["rate"] = double.NaN });
            _time.Advance(TimeSpan.FromMilliseconds(1500));
            writer.Scalars(1L << 40, new Dictionary<string, double> { ["loss/dkd"] = -2.5e30 });
            writer.Scalars(3, new Dictionary<string, double>());
        }
        Assert.StartsWith("events.out.tfevents.", Path.GetFileName(path));
        List<Event> events = Decode(path);
        Assert.Equal("brain.Event:2", events[0].FileVersion);
        Assert.Equal(3, events.Count);
        Assert.Equal([0, 1, 1L << 40], events.Select(e => e.Step));
        double start = new FixedTime().GetUtcNow().ToUnixTimeSeconds();
        Assert.Equal([start, start, start + 1.5], events.Select(e => e.WallTime));
        Assert.Equal(["loss/dkd", "rate"], events[1].Summary.Value.Select(v => v.Tag));
        Assert.Equal([0.1f, float.NaN], events[1].Summary.Value.Select(v => v.SimpleValue));
        Assert.Equal(-2.5e30f, Assert.Single(events[2].Summary.Value).SimpleValue);
    }

    [Fact]
    public void An_image_comes_back_with_its_size_and_bytes()
    {
        byte[] png = Convert.FromBase64String(Png);
        string path;
        using (TensorBoardWriter writer = TensorBoardWriter.Open(_run))
        {
            path = writer.FilePath;
            writer.Image(7, "samples", png);
        }
        Summary.Types.Value value = Assert.Single(Decode(path)[1].Summary.Value);
        Assert.Equal("samples", value.Tag);
        Assert.Equal((1, 1, 3), (value.Image.Width, value.Image.Height, value.Image.Colorspace));
        Assert.Equal(png, value.Image.EncodedImageString.ToByteArray());
    }

    [Theory]
    [InlineData("")]
    [InlineData("/9j/4AAQSkZJRgABAQEAYABgAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRofHh0a")]
    public void Other_bytes_than_a_png_are_refused(string base64)
    {
        using TensorBoardWriter writer = TensorBoardWriter.Open(_run);
        KdException failure = Samples.Fails(
            TorchErrors.BadArgument,
            () => writer.Image(7, "samples", Convert.FromBase64String(base64))
        );
        Assert.Contains("'samples' of step 7", failure.Message);
    }

    [Fact]
    public void A_resume_goes_on_in_the_same_file_without_a_step_twice()
    {
        using (TensorBoardWriter writer = TensorBoardWriter.Open(_run))
        {
            Steps(writer, 1, 300);
        }
        string path;
        using (TensorBoardWriter writer = TensorBoardWriter.Resume(_run, 200))
        {
            path = writer.FilePath;
            Steps(writer, 201, 250);
        }
        Assert.Single(Directory.GetFiles(_run.TensorBoardPath));
        Assert.Equal(Enumerable.Range(0, 251).Select(i => (long)i), Decode(path).Select(e => e.Step));
    }

    [Fact]
    public void A_resume_from_the_beginning_starts_the_file_anew()
    {
        using (TensorBoardWriter writer = TensorBoardWriter.Open(_run))
        {
            Steps(writer, 1, 3);
        }
        using TensorBoardWriter again = TensorBoardWriter.Resume(_run, -1);
        Steps(again, 1, 1);
        List<Event> events = Decode(again.FilePath);
        Assert.Equal(["brain.Event:2", ""], events.Select(e => e.FileVersion));
        Assert.Equal([0, 1], events.Select(e => e.Step));
    }

    [Fact]
    public void A_file_torn_or_damaged_at_any_byte_of_its_last_record_goes_on_behind_the_whole_ones()
    {
        string path;
        using (TensorBoardWriter writer = TensorBoardWriter.Open(_run))
        {
            path = writer.FilePath;
            Steps(writer, 1, 2);
        }
        byte[] whole = File.ReadAllBytes(path);
        int last = whole.Length - RecordLength(whole);
        for (int at = last; at < whole.Length; at++)
        {
            byte[] damaged = [.. whole];
            damaged[at] ^= 0x04;
            foreach (byte[] bytes in (byte[][])[whole[..at], damaged])
            {
                File.WriteAllBytes(path, bytes);
                using (TensorBoardWriter writer = TensorBoardWriter.Open(_run))
                {
                    Steps(writer, 3, 3);
                }
                Assert.Equal([0, 1, 3], Decode(path).Select(e => e.Step));
            }
        }
    }

    [Fact]
    public void A_write_that_fails_leaves_whole_records_and_the_next_one_follows_them()
    {
        _run.Dispose();
        const int operationsToOpen = 3; // the folder, the file, the version
        for (int at = 0; at < operationsToOpen + 4; at++)
        {
            string path = _folder[$"full-{at}"];
            RunFolder.Create(path, Samples.Recipe).Dispose();
            var switched = new SwitchableFiles(new FaultyFiles(Fault.DiskFull, at));
            using var run = RunFolder.Open(path, switched, TimeProvider.System);
            switched.On = true;
            if (at < operationsToOpen)
            {
                Samples.Fails(RunErrors.DiskFull, () => TensorBoardWriter.Open(run));
            }
            using TensorBoardWriter writer = TensorBoardWriter.Open(run);
            for (long step = 1; step <= 5; step++)
            {
                if (at == operationsToOpen + step - 1)
                {
                    Samples.Fails(RunErrors.DiskFull, () => Steps(writer, step, step));
                }
                else
                {
                    Steps(writer, step, step);
                }
            }
            long lost = at < operationsToOpen ? -1 : at - operationsToOpen + 1;
            List<Event> events = Decode(writer.FilePath);
            Assert.Equal("brain.Event:2", events[0].FileVersion);
            Assert.Equal(new long[] { 0, 1, 2, 3, 4, 5 }.Where(step => step != lost), events.Select(e => e.Step));
        }
    }

    private static void Steps(TensorBoardWriter writer, long first, long last)
    {
        for (long step = first; step <= last; step++)
        {
            writer.Scalars(step, new Dictionary<string, double> { ["loss"] = step });
        }
    }

    /// <summary>The length of the last of several records of one size behind the first.</summary>
    private static int RecordLength(byte[] file)
    {
        int first = 16 + BinaryPrimitives.ReadInt32LittleEndian(file);
        return 16 + BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(first));
    }

    internal static List<Event> Decode(string path)
    {
        // The writer may still have it open.
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var copy = new MemoryStream();
        file.CopyTo(copy);
        byte[] bytes = copy.ToArray();
        var events = new List<Event>();
        for (int at = 0; at < bytes.Length; )
        {
            int length = checked((int)BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at)));
            Assert.Equal(Masked(bytes.AsSpan(at, 8)), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 8)));
            Span<byte> data = bytes.AsSpan(at + 12, length);
            Assert.Equal(Masked(data), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 12 + length)));
            events.Add(Event.Parser.ParseFrom(data.ToArray()));
            at += length + 16;
        }
        return events;
    }

    private static uint Masked(ReadOnlySpan<byte> bytes)
    {
        uint crc = Crc32C(bytes);
        return unchecked(((crc >> 15) | (crc << 17)) + 0xa282ead8u);
    }

    /// <summary>Bit by bit, with the reflected Castagnoli polynomial.</summary>
    private static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        uint crc = ~0u;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78u : crc >> 1;
            }
        }
        return ~crc;
    }
}
