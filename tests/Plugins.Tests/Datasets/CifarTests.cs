using KdPlugins.Core;
using KdPlugins.Datasets;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Datasets;

public sealed class CifarTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private IDataset Open(int classes = 10, bool coarse = false) =>
        Make.Plugin<CifarPlugin>(
                new CifarOptions
                {
                    Path = _folder.Path,
                    Classes = classes,
                    Coarse = coarse,
                }
            )
            .Open("");

    private static byte[] Record(int seed, params byte[] labels)
    {
        var image = new byte[3072];
        new Random(seed).NextBytes(image);
        return [.. labels, .. image];
    }

    private void WriteTen(string subfolder = "")
    {
        for (var file = 1; file <= 5; file++)
            File.WriteAllBytes(
                _folder[subfolder, $"data_batch_{file}.bin"],
                [.. Record(file, (byte)file), .. Record(10 + file, 9)]
            );
        File.WriteAllBytes(_folder[subfolder, "test_batch.bin"], Record(20, 0));
    }

    private void WriteHundred(byte coarse = 19, byte fine = 99)
    {
        File.WriteAllBytes(_folder["train.bin"], [.. Record(1, 3, 42), .. Record(2, coarse, fine)]);
        File.WriteAllBytes(_folder["test.bin"], Record(3, 0, 0));
    }

    [Theory]
    [InlineData("")]
    [InlineData("cifar-10-batches-bin")]
    public void Records_of_ten_classes_keep_order_label_and_every_byte(string subfolder)
    {
        using var scope = NewDisposeScope();
        WriteTen(subfolder);
        var data = Open();
        var train = data.Open("train");
        Assert.Equal(10, train.Count);
        Assert.Equal(1, data.Open("test").Count);
        var batch = train.Read(new long[] { 2, 1 });
        Assert.Equal([2, 9], ((ClassIndexTarget)batch.Target).Labels.data<long>().ToArray());
        Assert.Equal([2, 3, 32, 32], batch.Input.shape);
        Assert.Equal([.. Record(2, 2)[1..], .. Record(11, 9)[1..]], batch.Input.bytes.ToArray());
        Assert.Equal([3, 32, 32], data.Info.InputShape);
        Assert.Equal(3, data.Info.Mean.Count);
        DataAssert.ReadsPurely(train);
    }

    [Theory]
    [InlineData(false, 42, 99, 100)]
    [InlineData(true, 3, 19, 20)]
    public void Records_of_a_hundred_classes_have_two_labels(bool coarse, long first, long second, long classes)
    {
        using var scope = NewDisposeScope();
        WriteHundred();
        var data = Open(100, coarse);
        var batch = data.Open("train").Read(new long[] { 0, 1 });
        Assert.Equal([first, second], ((ClassIndexTarget)batch.Target).Labels.data<long>().ToArray());
        Assert.Equal(Record(1, 3, 42)[2..], batch.Input[0].bytes.ToArray());
        Assert.Equal(classes, data.Info.Classes);
    }

    [Fact]
    public void Class_names_come_from_the_archives_own_list()
    {
        WriteTen();
        File.WriteAllLines(_folder["batches.meta.txt"], [.. Enumerable.Range(0, 10).Select(i => $"class{i}"), ""]);
        Assert.Equal("class9", Open().Info.ClassNames[9]);
    }

    [Fact]
    public void A_length_that_is_no_multiple_of_a_record_is_refused()
    {
        WriteTen();
        File.WriteAllBytes(_folder["data_batch_3.bin"], new byte[3074]);
        DataAssert.Fails(DataErrors.DamagedFile, () => Open().Open("train"), "data_batch_3.bin", "3074", "3073");
        File.WriteAllBytes(_folder["data_batch_3.bin"], []);
        DataAssert.Fails(DataErrors.DamagedFile, () => Open().Open("train"), "data_batch_3.bin");
    }

    [Fact]
    public void Labels_beyond_the_classes_are_refused_with_record_and_file()
    {
        WriteTen();
        File.WriteAllBytes(_folder["test_batch.bin"], Record(1, 10));
        DataAssert.Fails(DataErrors.LabelOutOfRange, () => Open().Open("test"), "Record 0", "test_batch.bin", "10");
        WriteHundred(fine: 100);
        DataAssert.Fails(DataErrors.LabelOutOfRange, () => Open(100).Open("train"), "Record 1", "fine", "100");
    }

    [Fact]
    public void Coarse_and_fine_labels_in_the_wrong_order_are_noticed()
    {
        WriteHundred(coarse: 99, fine: 19);
        DataAssert.Fails(DataErrors.LabelOutOfRange, () => Open(100).Open("train"), "coarse label 99");
    }

    [Fact]
    public void Missing_files_and_folders_are_named()
    {
        WriteTen();
        File.Delete(_folder["data_batch_4.bin"]);
        DataAssert.Fails(DataErrors.NotFound, () => Open().Open("train"), "data_batch_4.bin");
        var plugin = Make.Plugin<CifarPlugin>(new CifarOptions { Path = "nowhere" });
        DataAssert.Fails(DataErrors.NotFound, () => plugin.Open(_folder.Path), Path.Combine(_folder.Path, "nowhere"));
    }

    [Fact]
    public void What_the_system_will_not_open_is_named()
    {
        WriteTen();
        File.Delete(_folder["test_batch.bin"]);
        Directory.CreateDirectory(_folder["test_batch.bin"]);
        DataAssert.Fails(DataErrors.AccessDenied, () => Open().Open("test"), "test_batch.bin");
    }

    [Fact]
    public void The_fingerprint_follows_the_contents_not_the_place()
    {
        WriteTen();
        var before = Open().Fingerprint;
        Assert.Equal(before, Open().Fingerprint);
        WriteTen("cifar-10-batches-bin");
        Assert.Equal(before, Open().Fingerprint);
        File.WriteAllBytes(_folder["cifar-10-batches-bin", "test_batch.bin"], Record(21, 0));
        File.SetLastWriteTimeUtc(_folder["cifar-10-batches-bin", "test_batch.bin"], new DateTime(2001, 1, 1));
        Assert.NotEqual(before, Open().Fingerprint);
    }

    [Fact]
    public void A_split_that_does_not_exist_is_answered_with_those_that_do()
    {
        WriteTen();
        DataAssert.Fails(DataErrors.SplitMissing, () => Open().Open("validation"), "train, test");
    }
}
