using System.IO.Compression;
using System.Text;
using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Datasets;

/// <summary>Arrays of NumPy.</summary>
public sealed class NpzTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // As numpy.lib.format writes an array: header padded with spaces to 64 bytes, with a line end.
    private static byte[] Npy(string type, string shape, byte[] values, bool fortran = false, byte version = 1)
    {
        var text = $"{{'descr': '{type}', 'fortran_order': {(fortran ? "True" : "False")}, 'shape': {shape}, }}";
        var size = version == 1 ? 10 : 12;
        text = text.PadRight((text.Length + size + 64) / 64 * 64 - size - 1) + "\n";
        byte[] length = version == 1 ? BitConverter.GetBytes((ushort)text.Length) : BitConverter.GetBytes(text.Length);
        return [0x93, .. "NUMPY"u8, version, 0, .. length, .. Encoding.Latin1.GetBytes(text), .. values];
    }

    private static byte[] Longs(params long[] values) => [.. values.SelectMany(BitConverter.GetBytes)];

    private static byte[] Zip(params (string Name, byte[] Bytes)[] arrays)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
            foreach (var (name, bytes) in arrays)
            {
                using var entry = zip.CreateEntry($"{name}.npy").Open();
                entry.Write(bytes);
            }
        return stream.ToArray();
    }

    private IDataset Open(byte[] file, NpzOptions? options = null)
    {
        File.WriteAllBytes(_folder["a.npz"], file);
        return Make.Plugin<NpzPlugin>((options ?? new()) with { Path = "a.npz" }).Open(_folder.Path);
    }

    private static byte[] Count(int values) => [.. Enumerable.Range(0, values).Select(i => (byte)i)];

    private static (long[] Shape, byte[] Pixels, long[] Labels) All(IDataset data, string split = "train")
    {
        using var scope = NewDisposeScope();
        var source = data.Open(split);
        var batch = source.Read(Enumerable.Range(0, (int)source.Count).Select(i => (long)i).ToArray());
        return (
            batch.Input.shape,
            batch.Input.bytes.ToArray(),
            ((ClassIndexTarget)batch.Target).Labels.data<long>().ToArray()
        );
    }

    [Fact]
    public void MedMNISTs_arrays_are_three_splits_with_channels_last()
    {
        var images = Npy("|u1", "(2, 1, 2, 3)", Count(12));
        var data = Open(
            Zip(
                ("train_images", images),
                ("train_labels", Npy("|u1", "(2, 1)", [2, 0])),
                ("val_images", images),
                ("val_labels", Npy("|u1", "(2, 1)", [1, 1])),
                ("test_images", images),
                ("test_labels", Npy("|u1", "(2, 1)", [0, 2]))
            )
        );
        var (shape, pixels, labels) = All(data);
        Assert.Equal([2, 3, 1, 2], shape);
        Assert.Equal([0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11], pixels);
        Assert.Equal([2, 0], labels);
        Assert.Equal([1, 1], All(data, "val").Labels);
        Assert.Equal(["test", "train", "val"], data.Splits.Order());
        Assert.Equal(3, data.Info.Classes);
        DataAssert.ReadsPurely(data.Open("test"));
    }

    [Fact]
    public void Keras_and_unnamed_arrays_are_grey_or_have_channels_first()
    {
        var keras = Open(
            Zip(
                ("x_train", Npy("|u1", "(2, 2, 3)", Count(12))),
                ("y_train", Npy("<i8", "(2,)", Longs(1, 0), version: 2))
            )
        );
        Assert.Equal([2, 1, 2, 3], All(keras).Shape);
        Assert.Equal(Count(12), All(keras).Pixels);
        var unnamed = Open(
            Zip(("arr_0", Npy("|u1", "(1, 3, 2, 2)", Count(12))), ("arr_1", Npy("<i4", "(1,)", [4, 0, 0, 0])))
        );
        Assert.Equal(Count(12), All(unnamed).Pixels);
        Assert.Equal(5, unnamed.Info.Classes);
        var named = Open(
            Zip(("a", Npy("|u1", "(1, 2, 2)", Count(4))), ("b", Npy("<u2", "(1,)", [1, 0]))),
            new()
            {
                Images = "a",
                Labels = "b",
                Classes = ["x", "y"],
            }
        );
        Assert.Equal(["x", "y"], named.Info.ClassNames);
        Assert.NotEqual(keras.Fingerprint, named.Fingerprint);
    }

    [Theory]
    [InlineData("<f4", "(1, 2, 2)", false)]
    [InlineData(">i4", "(1, 2, 2)", false)]
    [InlineData("|O", "(1, 2, 2)", false)]
    [InlineData("|u1", "(1, 2, 2)", true)]
    [InlineData("|u1", "(2, 2)", false)]
    [InlineData("|u1", "(1, 2, 2, 5)", false)]
    [InlineData("|u1", "(0, 2, 2)", false)]
    [InlineData("|u1", "(2, 2, 2)", false)]
    [InlineData("|u1", "(1, 2, 99)", false)]
    [InlineData("|u1", "(1, -2, 2)", false)]
    [InlineData("|u1", "(1, 2, 2", false)]
    public void Arrays_of_another_kind_are_refused(string type, string shape, bool fortran) =>
        DataAssert.Fails(
            DataErrors.DamagedFile,
            () => Open(Zip(("images", Npy(type, shape, Count(20), fortran)), ("labels", Npy("|u1", "(1,)", [0])))),
            "a.npz"
        );

    [Fact]
    public void What_is_declared_takes_no_memory_and_labels_have_to_be_classes()
    {
        var bomb = Npy("|u1", "(999999999999, 999999999999, 3)", []);
        DataAssert.Fails(
            DataErrors.TooLarge,
            () => Open(Zip(("images", bomb), ("labels", Npy("|u1", "(1,)", [0])))),
            "images"
        );
        var large = Npy("|u1", "(2, 1000, 1000)", new byte[2_000_000]);
        var labels = Npy("|i1", "(2,)", [0, 0xff]);
        DataAssert.Fails(
            DataErrors.TooLarge,
            () => Open(Zip(("images", large), ("labels", labels)), new() { MaxMegabytes = 1 })
        );
        DataAssert.Fails(DataErrors.LabelOutOfRange, () => Open(Zip(("images", large), ("labels", labels))), "-1");
        DataAssert.Fails(DataErrors.DamagedFile, () => Open(Zip(("pictures", large))), "train");
        DataAssert.Fails(
            DataErrors.DamagedFile,
            () => Open(Zip(("pictures", large)), new() { Images = "x" }),
            "pictures.npy"
        );
        DataAssert.Fails(DataErrors.DamagedFile, () => Open([1, 2, 3]), "a.npz");
        DataAssert.Fails(
            DataErrors.NotFound,
            () => Make.Plugin<NpzPlugin>(new NpzOptions { Path = "b.npz" }).Open(_folder.Path),
            "b.npz"
        );
    }

    [Fact]
    public void Damaged_files_end_in_one_clear_message_wherever_they_are_damaged()
    {
        var intact = Zip(("images", Npy("|u1", "(4, 2, 2)", Count(16))), ("labels", Npy("|u1", "(4,)", [0, 1, 2, 1])));
        Damage.Each(
            intact,
            400,
            3,
            bytes =>
            {
                All(Open(bytes));
            },
            "KDP0404",
            "KDP0405",
            "KDP0406"
        );
    }
}
