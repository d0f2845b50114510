using System.Globalization;
using System.Numerics;
using System.Text.Json;
using KdPlugins.Torch.Weights;
using Xunit;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>Files that other software wrote are read to the last bit.</summary>
public class InterchangeTests
{
    public static TheoryData<string> Files =>
        [.. Fixture.Expected.EnumerateObject().Select(f => f.Name).Where(n => n != "made with")];

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_tensor_of_a_foreign_file_is_read_to_the_last_bit(string file)
    {
        using IWeightSource source = WeightFile.Open(Fixture.Path(file));
        Fixture.AssertHolds(file, source);
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Reading_in_pieces_gives_the_same_bytes(string file)
    {
        using IWeightSource source = WeightFile.Open(Fixture.Path(file));
        foreach (WeightEntry entry in source.Entries.Values)
        {
            int size = entry.DType.BitSize() / 8;
            var bytes = new byte[entry.ByteLength];
            for (int at = 0; at < bytes.Length; at += 2 * size)
            {
                source.CopyTo(entry.Name, at, bytes.AsSpan(at, Math.Min(2 * size, bytes.Length - at)));
            }
            Assert.Equal(Fixture.Tensor(file, entry.Name), bytes);
        }
    }

    [Theory]
    [InlineData("network.pth")]
    [InlineData("checkpoint.pth")]
    [InlineData("nested_legacy.pth")]
    [InlineData("parts.pth")]
    [InlineData("bare.pth")]
    public void The_weights_of_a_checkpoint_are_found_by_themselves(string file)
    {
        using var source = PyTorchFile.Open(Fixture.Path(file));
        Assert.Equal(Fixture.Expected.GetProperty(file).GetProperty("root").GetString(), source.Root);
    }

    [Theory]
    [InlineData("checkpoint.pth")]
    [InlineData("nested_legacy.pth")]
    public void Plain_values_of_a_checkpoint_are_read(string file)
    {
        using var source = PyTorchFile.Open(Fixture.Path(file));
        foreach (JsonProperty value in Fixture.Expected.GetProperty(file).GetProperty("values").EnumerateObject())
        {
            Assert.True(source.Values.ContainsKey(value.Name), $"no value {value.Name}");
            Assert.Equal(Plain(value.Name, value.Value), source.Values[value.Name]);
        }
    }

    private static object? Plain(string name, JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.String when name == "seed" => BigInteger.Parse(
                value.GetString()!,
                CultureInfo.InvariantCulture
            ),
            JsonValueKind.String => value.GetString(),
            JsonValueKind.Array => value.EnumerateArray().Select(item => Plain(name, item)).ToArray(),
            _ => value.GetRawText().Contains('.') ? (object)value.GetDouble() : value.GetInt64(),
        };

    [Fact]
    public void Another_part_of_a_checkpoint_can_be_chosen()
    {
        using var source = PyTorchFile.Open(Fixture.Path("checkpoint.pth"), new() { Root = "optimizer.state" });
        Assert.Contains("0.momentum_buffer", source.Entries.Keys);
        using var all = PyTorchFile.Open(Fixture.Path("checkpoint.pth"), new() { Root = "" });
        Assert.Contains("model.conv.weight", all.Entries.Keys);
        Assert.Contains("optimizer.state.0.momentum_buffer", all.Entries.Keys);
    }

    [Fact]
    public void Metadata_of_a_foreign_safetensors_file_is_read()
    {
        using var source = SafeTensorsFile.Open(Fixture.Path("dtypes.safetensors"));
        var expected = Fixture.Expected.GetProperty("dtypes.safetensors").GetProperty("values");
        Assert.Equal(
            expected.EnumerateObject().Select(p => (p.Name, p.Value.GetString()!)).Order(),
            source.Metadata.Select(p => (p.Key, p.Value)).Order()
        );
    }

    [Fact]
    public void Our_writer_gives_the_bytes_of_an_independent_writer()
    {
        using var source = SafeTensorsFile.Open(Fixture.Path("dtypes.safetensors"));
        var weights = source
            .Entries.Values.Select(e => new WeightData(e.Name, e.DType, e.Shape, source.Bytes(e.Name).ToArray()))
            .Reverse();
        using var written = new MemoryStream();
        SafeTensorsWriter.Write(written, weights, source.Metadata);
        Assert.Equal(Fixture.Bytes("dtypes.safetensors"), written.ToArray());
    }

    [Fact]
    public void A_mapped_tensor_is_the_run_of_bytes_that_its_entry_names()
    {
        using var source = SafeTensorsFile.Open(Fixture.Path("dtypes.safetensors"));
        byte[] file = Fixture.Bytes("dtypes.safetensors");
        foreach (WeightEntry entry in source.Entries.Values)
        {
            Assert.True(source.Bytes(entry.Name).SequenceEqual(file.AsSpan((int)entry.Start, (int)entry.ByteLength)));
        }
        using var zip = PyTorchFile.Open(Fixture.Path("dtypes.pth"));
        WeightEntry row = zip.Entries["row"];
        Assert.True(
            zip.Bytes("row").SequenceEqual(Fixture.Bytes("dtypes.pth").AsSpan((int)row.Start, (int)row.ByteLength))
        );
        Assert.Equal(-1, zip.Entries["transposed"].Start);
    }

    [Fact]
    public void A_folder_is_opened_by_its_index_or_its_single_file()
    {
        using var folder = new TemporaryFolder();
        folder.Write("model.safetensors", Fixture.Bytes("unaligned.safetensors"));
        using (IWeightSource single = WeightFile.Open(folder.Root))
        {
            Fixture.AssertHolds("unaligned.safetensors", single);
        }
        folder.Write(ShardedSafeTensors.IndexName, Fixture.Bytes("shards.safetensors.index.json"));
        folder.Write("shard-00001-of-00002.safetensors", Fixture.Bytes("shard-00001-of-00002.safetensors"));
        folder.Write("shard-00002-of-00002.safetensors", Fixture.Bytes("shard-00002-of-00002.safetensors"));
        using IWeightSource sharded = WeightFile.Open(folder.Root);
        Fixture.AssertHolds("shards.safetensors.index.json", sharded);
    }

    [Fact]
    public void Content_decides_where_the_name_says_nothing()
    {
        using var folder = new TemporaryFolder();
        using IWeightSource source = WeightFile.Open(
            folder.Write("weights.dat", Fixture.Bytes("unaligned.safetensors"))
        );
        Assert.IsType<SafeTensorsFile>(source);
    }
}
