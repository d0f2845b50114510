using System.Buffers.Binary;
using System.IO.Compression;
using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Datasets;

public sealed class MnistTests : IDisposable
{
    private const string TrainImages = "train-images-idx3-ubyte";
    private const string TrainLabels = "train-labels-idx1-ubyte";
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private IDataset Open() => Make.Plugin<MnistPlugin>(new MnistOptions { Path = _folder.Path }).Open("");

    private static byte[] Idx(uint magic, uint[] sizes, byte[] body)
    {
        var head = new byte[4 + 4 * sizes.Length];
        BinaryPrimitives.WriteUInt32BigEndian(head, magic);
        for (var i = 0; i < sizes.Length; i++)
            BinaryPrimitives.WriteUInt32BigEndian(head.AsSpan(4 + 4 * i), sizes[i]);
        return [.. head, .. body];
    }

    private static byte[] Pixels(int count) => [.. Enumerable.Range(0, count).Select(i => (byte)(i * 7))];

    private static byte[] Gzip(byte[] plain)
    {
        using var memory = new MemoryStream();
        using (var gzip = new GZipStream(memory, CompressionLevel.Fastest))
            gzip.Write(plain);
        return memory.ToArray();
    }

    private void WriteAll(bool gzip = false, byte lastLabel = 9)
    {
        void Put(string name, byte[] bytes) =>
            File.WriteAllBytes(_folder[gzip ? name + ".gz" : name], gzip ? Gzip(bytes) : bytes);
        Put(TrainImages, Idx(0x803, [3, 5, 4], Pixels(60)));
        Put(TrainLabels, Idx(0x801, [3], [4, 0, lastLabel]));
        Put("t10k-images-idx3-ubyte", Idx(0x803, [1, 5, 4], Pixels(20)));
        Put("t10k-labels-idx1-ubyte", Idx(0x801, [1], [7]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Images_and_labels_come_byte_for_byte_plain_or_compressed(bool gzip)
    {
        using var scope = NewDisposeScope();
        WriteAll(gzip);
        var data = Open();
        Assert.Equal([1, 5, 4], data.Info.InputShape);
        var batch = data.Open("train").Read(new long[] { 2, 0 });
        Assert.Equal([2, 1, 5, 4], batch.Input.shape);
        Assert.Equal([.. Pixels(60)[40..], .. Pixels(20)], batch.Input.bytes.ToArray());
        Assert.Equal([9, 4], ((ClassIndexTarget)batch.Target).Labels.data<long>().ToArray());
        Assert.Equal(1, data.Open("test").Count);
        DataAssert.ReadsPurely(data.Open("train"));
        Assert.Matches("^[0-9a-f]{64}$", data.Fingerprint);
    }

    public static TheoryData<string, uint, uint[], int, string> Hostile =>
        new()
        {
            { TrainImages, 0x803u, [3, 5, 4], 59, "ends after 59 of the 60" },
            { TrainImages, 0x803u, [3, 5, 4], 61, "more than the 60" },
            { TrainImages, 0x801u, [3, 5, 4], 60, "0x00000801, expected 0x00000803" },
            { TrainImages, 0x3080000u, [3, 5, 4], 60, "expected 0x00000803" },
            { TrainImages, 0x803u, [3], 0, "ends within its header" },
            { TrainImages, 0x803u, [3, 0, 4], 0, "none may be 0" },
            { TrainLabels, 0x803u, [3], 3, "expected 0x00000801" },
            { TrainLabels, 0x801u, [2], 2, "3 images" },
        };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void Damaged_files_are_named_with_what_is_wrong(string file, uint magic, uint[] sizes, int body, string says)
    {
        WriteAll();
        File.WriteAllBytes(_folder[file], Idx(magic, sizes, Pixels(body)));
        DataAssert.Fails(DataErrors.DamagedFile, Open, file, says);
    }

    [Theory]
    [InlineData(new uint[] { uint.MaxValue, uint.MaxValue, uint.MaxValue })]
    [InlineData(new uint[] { 65536, 65536, 65536 })]
    [InlineData(new uint[] { 1 << 30, 1, 2 })]
    public void Sizes_whose_product_is_beyond_the_limit_are_refused_unread(uint[] sizes)
    {
        WriteAll();
        File.WriteAllBytes(_folder[TrainImages], Idx(0x803, sizes, []));
        DataAssert.Fails(DataErrors.TooLarge, Open, TrainImages);
    }

    [Fact]
    public void A_declared_size_allocates_nothing_until_the_values_arrive()
    {
        WriteAll();
        File.WriteAllBytes(_folder[TrainImages], Idx(0x803, [1 << 20, 30, 30], Pixels(100)));
        var before = GC.GetAllocatedBytesForCurrentThread();
        DataAssert.Fails(DataErrors.DamagedFile, Open, "ends after 100");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 8 << 20);
    }

    [Fact]
    public void A_gzip_bomb_is_read_no_further_than_its_header_declares()
    {
        WriteAll(gzip: true);
        using (var file = File.Create(_folder[TrainImages + ".gz"]))
        using (var gzip = new GZipStream(file, CompressionLevel.Fastest))
        {
            gzip.Write(Idx(0x803, [3, 5, 4], []));
            var zeros = new byte[1 << 20];
            for (var i = 0; i < 64; i++)
                gzip.Write(zeros);
        }
        Assert.InRange(new FileInfo(_folder[TrainImages + ".gz"]).Length, 0, 1 << 20);
        var before = GC.GetAllocatedBytesForCurrentThread();
        DataAssert.Fails(DataErrors.DamagedFile, Open, "more than the 60");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 8 << 20);
    }

    [Fact]
    public void Damaged_compression_is_told_from_damaged_values()
    {
        WriteAll(gzip: true);
        File.WriteAllBytes(_folder[TrainImages + ".gz"], [0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]);
        DataAssert.Fails(DataErrors.DamagedFile, Open, "no intact gzip file");
    }

    [Fact]
    public void Labels_beyond_the_classes_and_test_images_of_another_size_are_refused()
    {
        WriteAll(lastLabel: 10);
        DataAssert.Fails(DataErrors.LabelOutOfRange, Open, TrainLabels, "Label 2", "is 10");
        WriteAll();
        File.WriteAllBytes(_folder["t10k-images-idx3-ubyte"], Idx(0x803, [1, 4, 5], Pixels(20)));
        DataAssert.Fails(DataErrors.SizesDiffer, () => Open().Open("test"), "4x5", "5x4");
        DataAssert.Fails(DataErrors.SplitMissing, () => Open().Open("val"), "train, test");
        File.Delete(_folder[TrainLabels]);
        DataAssert.Fails(DataErrors.NotFound, Open, TrainLabels);
    }

    [Fact]
    public void No_damage_ends_in_anything_but_a_clear_error_or_a_valid_data_set()
    {
        WriteAll(gzip: true);
        var images = File.ReadAllBytes(_folder[TrainImages + ".gz"]);
        var random = new Random(5);
        for (var round = 0; round < 300; round++)
        {
            var damaged = images[..random.Next(1, images.Length + 1)];
            for (var flips = random.Next(3); flips >= 0; flips--)
                damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(_folder[TrainImages + ".gz"], damaged);
            try
            {
                using var scope = NewDisposeScope();
                Open().Open("train").Read(new long[] { 0 });
            }
            catch (KdException) { }
        }
    }
}
