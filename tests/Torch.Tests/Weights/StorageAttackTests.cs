using KdPlugins.Torch.Weights;
using Xunit;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>Storages, strides and offsets of PyTorch files, and the format before the zip one, attacked by name.</summary>
public class StorageAttackTests
{
    private static readonly byte[] Floats = P.Storage("FloatStorage", "0", 4);

    private static byte[] File(params byte[][] value) => Zip.Checkpoint(P.Pickle(value), new byte[16]).Build();

    private static KdException Refused(ErrorCode code, params byte[][] value) =>
        Fails.With(code, () => PyTorchFile.Parse(File(value)).Dispose());

    [Theory]
    [InlineData(0, new long[] { 5 }, new long[] { 1 })]
    [InlineData(1, new long[] { 4 }, new long[] { 1 })]
    [InlineData(5, new long[] { }, new long[] { })]
    [InlineData(4, new long[] { }, new long[] { })]
    [InlineData(5, new long[] { 0 }, new long[] { 1 })]
    [InlineData(-1, new long[] { 1 }, new long[] { 1 })]
    [InlineData(-1, new long[] { 0 }, new long[] { 1 })]
    [InlineData(0, new long[] { 2 }, new long[] { 4 })]
    [InlineData(0, new long[] { 2 }, new long[] { -1 })]
    [InlineData(3, new long[] { -4 }, new long[] { 1 })]
    [InlineData(0, new long[] { 2, 2 }, new long[] { 3, 1 })]
    [InlineData(0, new long[] { 2, 2 }, new long[] { 1 })]
    [InlineData(0, new long[] { 2 }, new long[] { 1, 1 })]
    [InlineData(0, new long[] { 2 }, new long[] { long.MaxValue })]
    [InlineData(long.MaxValue, new long[] { 2 }, new long[] { long.MaxValue })]
    [InlineData(0, new long[] { long.MaxValue, long.MaxValue }, new long[] { long.MaxValue, long.MaxValue })]
    [InlineData(0, new long[] { 3, 3 }, new long[] { long.MaxValue, 2 })] // wraps around to 2 in 64 bits
    [InlineData(0, new long[] { long.MaxValue, 2 }, new long[] { 0, 0 })] // more bytes than can be addressed
    public void A_view_that_does_not_lie_in_its_storage(long offset, long[] shape, long[] strides) =>
        Refused(WeightErrors.TensorOutsideStorage, P.Dict(("w", P.Tensor(Floats, offset, shape, strides))));

    [Theory]
    [InlineData(0, new long[] { 2, 2 }, new long[] { 1, 2 })]
    [InlineData(3, new long[] { }, new long[] { })]
    [InlineData(4, new long[] { 0 }, new long[] { 1 })]
    [InlineData(0, new long[] { 7 }, new long[] { 0 })]
    [InlineData(3, new long[] { 1, 1 }, new long[] { long.MaxValue, 9 })]
    [InlineData(0, new long[] { 0, 5 }, new long[] { long.MaxValue, long.MaxValue })]
    public void A_view_that_lies_in_its_storage(long offset, long[] shape, long[] strides)
    {
        using var file = PyTorchFile.Parse(File(P.Dict(("w", P.Tensor(Floats, offset, shape, strides)))));
        Assert.Equal(shape.Aggregate(4L, (a, b) => a * b), file.Bytes("w").Length);
    }

    [Fact]
    public void Too_many_dimensions() =>
        Refused(
            WeightErrors.PickleLimit,
            P.Dict(("w", P.Tensor(Floats, 0, [.. Enumerable.Repeat(1L, 65)], [.. Enumerable.Repeat(1L, 65)])))
        );

    [Fact]
    public void A_shape_that_is_not_made_of_integers()
    {
        byte[] tensor =
        [
            .. P.Global("torch._utils", "_rebuild_tensor_v2"),
            .. P.Tuple(Floats, P.Int(0), P.Tuple(P.Text("4")), P.Ints(1), P.False, P.OrderedDict),
            (byte)'R',
        ];
        Refused(WeightErrors.TensorOutsideStorage, P.Dict(("w", tensor)));
    }

    [Fact]
    public void A_view_that_expands_a_few_bytes_without_end()
    {
        Refused(WeightErrors.PickleLimit, P.Dict(("w", P.Tensor(Floats, 0, [1L << 40], [0]))));
        byte[] one = P.Tensor(Floats, 0, [4000], [0]);
        Refused(WeightErrors.PickleLimit, P.Dict([.. Enumerable.Range(0, 40).Select(i => ($"w{i}", one))]));
    }

    [Fact]
    public void A_storage_that_the_file_does_not_hold() =>
        Assert.Contains("missing", Refused(WeightErrors.StorageInvalid, P.Dict(("w", P.Floats("7", 4)))).Message);

    [Theory]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(1L << 40)]
    public void A_storage_of_another_size_than_its_entry(long count) =>
        Refused(
            WeightErrors.StorageInvalid,
            P.Dict(("w", P.Tensor(P.Storage("FloatStorage", "0", count), 0, [1], [1])))
        );

    [Theory]
    [InlineData(-1)]
    [InlineData(long.MaxValue)]
    public void A_storage_of_an_impossible_size(long count) =>
        Refused(WeightErrors.StorageInvalid, P.Storage("FloatStorage", "0", count));

    [Fact]
    public void A_storage_that_is_described_in_two_ways()
    {
        byte[] other = P.Tensor(P.Storage("IntStorage", "0", 4), 0, [4], [1]);
        Refused(WeightErrors.StorageInvalid, P.Dict(("a", P.Floats("0", 4)), ("b", other)));
        Refused(WeightErrors.StorageInvalid, P.Dict(("a", P.Floats("0", 4)), ("b", P.Floats("0", 3))));
    }

    [Fact]
    public void A_storage_key_that_looks_like_a_path()
    {
        Zip zip = Zip.Checkpoint(P.Pickle(P.Dict(("w", P.Floats("../version", 4)))), new byte[16]);
        Fails.With(WeightErrors.StorageInvalid, () => PyTorchFile.Parse(zip.Build()));
    }

    [Fact]
    public void A_persistent_id_that_is_no_storage()
    {
        Refused(WeightErrors.StorageInvalid, P.Text("storage"), "Q"u8.ToArray());
        Refused(
            WeightErrors.StorageInvalid,
            P.Tuple(P.Text("module"), P.Global("torch", "FloatStorage"), P.Text("0"), P.Text("cpu"), P.Int(4)),
            "Q"u8.ToArray()
        );
        Refused(
            WeightErrors.StorageInvalid,
            P.Tuple(P.Text("storage"), P.Text("FloatStorage"), P.Text("0"), P.Text("cpu"), P.Int(4)),
            "Q"u8.ToArray()
        );
        Refused(
            WeightErrors.StorageInvalid,
            P.Tuple(P.Text("storage"), P.Global("collections", "OrderedDict"), P.Text("0"), P.Text("cpu"), P.Int(4)),
            "Q"u8.ToArray()
        );
        Refused(
            WeightErrors.StorageInvalid,
            P.Tuple(P.Text("storage"), P.Global("torch", "FloatStorage"), P.Int(0), P.Text("cpu"), P.Int(4)),
            "Q"u8.ToArray()
        );
        byte[] view = P.Tuple(
            P.Text("storage"),
            P.Global("torch", "FloatStorage"),
            P.Text("0"),
            P.Text("cpu"),
            P.Int(4),
            P.Ints(0, 0, 4)
        );
        Refused(WeightErrors.StorageInvalid, view, "Q"u8.ToArray());
    }

    [Fact]
    public void Damage_to_a_storage_is_noticed_when_it_is_read()
    {
        byte[] file = Fixture.Bytes("dtypes.pth");
        using var honest = PyTorchFile.Parse(file);
        file[honest.Entries["f64"].Start + 3] ^= 1;
        using var damaged = PyTorchFile.Parse(file);
        Fails.With(WeightErrors.ChecksumMismatch, () => damaged.Bytes("f64"));
        Assert.Equal(Fixture.Tensor("dtypes.pth", "f16"), damaged.Bytes("f16").ToArray());
    }

    [Fact]
    public void A_legacy_file_with_bytes_missing_or_added()
    {
        byte[] file = Fixture.Bytes("nested_legacy.pth");
        Fails.With(WeightErrors.StorageInvalid, () => PyTorchFile.Parse(file[..^1]));
        Fails.With(WeightErrors.StorageInvalid, () => PyTorchFile.Parse((byte[])[.. file, 0]));
    }

    private static readonly byte[] LegacyState = P.Dict(
        ("w", P.Tensor(P.LegacyStorage("FloatStorage", "0", 4), 0, [4], [1]))
    );

    [Fact]
    public void A_legacy_file_built_by_hand_is_read()
    {
        using var file = PyTorchFile.Parse(P.Legacy(LegacyState));
        Assert.Equal(16, file.Bytes("w").Length);
    }

    [Fact]
    public void A_legacy_file_that_contradicts_itself()
    {
        static void Refused(ErrorCode code, byte[] file) => Fails.With(code, () => PyTorchFile.Parse(file));
        Refused(WeightErrors.LegacyFormat, P.Legacy(LegacyState, version: P.Int(1000)));
        Refused(WeightErrors.ByteOrder, P.Legacy(LegacyState, system: P.Dict(("little_endian", P.False))));
        Refused(WeightErrors.ByteOrder, P.Legacy(LegacyState, system: P.EmptyDict));
        Refused(WeightErrors.PickleInvalid, P.Legacy(LegacyState, system: P.None));
        Refused(WeightErrors.StorageInvalid, P.Legacy(LegacyState, keys: P.EmptyList));
        Refused(WeightErrors.StorageInvalid, P.Legacy(LegacyState, keys: P.None));
        Refused(WeightErrors.StorageInvalid, P.Legacy(LegacyState, keys: P.List(P.Text("1"))));
        Refused(WeightErrors.StorageInvalid, P.Legacy(LegacyState, keys: P.List(P.Text("0"), P.Text("0"))));
        Refused(WeightErrors.StorageInvalid, P.Legacy(LegacyState, data: [5, 0, 0, 0, 0, 0, 0, 0, .. new byte[20]]));
        Refused(WeightErrors.StorageInvalid, P.Legacy(LegacyState, data: [4, 0, 0, 0, 0, 0, 0, 0x80, .. new byte[16]]));
        Refused(WeightErrors.StorageInvalid, P.Legacy(LegacyState, data: [4, 0]));
        Refused(WeightErrors.UnknownFormat, P.Pickle(P.Int(1)));
    }

    [Fact]
    public void What_is_neither_zip_nor_pickle()
    {
        Fails.With(WeightErrors.UnknownFormat, () => PyTorchFile.Parse(Array.Empty<byte>()));
        Fails.With(WeightErrors.UnknownFormat, () => PyTorchFile.Parse("GIF89a"u8.ToArray()));
        var tar = new byte[512];
        "ustar"u8.CopyTo(tar.AsSpan(257));
        Fails.With(WeightErrors.LegacyFormat, () => PyTorchFile.Parse(tar));
        KdException failure = Fails.With(
            WeightErrors.PickleOpcode,
            () => PyTorchFile.Open(Fixture.Path("other_protocol.pth"))
        );
        Assert.Contains("protocol 4", failure.Message);
    }
}
