using System.Text;
using KdPlugins.Torch.Weights;
using Xunit;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>Every guarantee of the safetensors format, attacked by name.</summary>
public class SafeTensorsAttackTests
{
    private static KdException Refused(ErrorCode code, byte[] file) =>
        Fails.With(code, () => SafeTensorsFile.Parse(file).Dispose());

    private static KdException Refused(ErrorCode code, string header, int data = 0) =>
        Refused(code, Attack.SafeTensors(header, new byte[data]));

    private static SafeTensorsFile Accepted(string header, int data = 0) =>
        SafeTensorsFile.Parse(Attack.SafeTensors(header, new byte[data]));

    private static string Tensor(string name, string dtype, string shape, string offsets) =>
        $$"""  "{{name}}":{"dtype":"{{dtype}}","shape":{{shape}},"data_offsets":{{offsets}}}  """.Trim();

    [Fact]
    public void A_file_shorter_than_its_length_field()
    {
        for (int length = 0; length < 8; length++)
        {
            Refused(WeightErrors.HeaderTruncated, new byte[length]);
        }
    }

    [Theory]
    [InlineData(100_000_001ul)]
    [InlineData(ulong.MaxValue)]
    [InlineData(0x8000000000000000ul)]
    [InlineData(ulong.MaxValue - 7)]
    public void A_header_length_above_the_limit(ulong length) =>
        Refused(WeightErrors.HeaderTooLarge, Attack.SafeTensors(length, "{}"u8.ToArray(), []));

    [Theory]
    [InlineData(3ul)]
    [InlineData(100_000_000ul)]
    public void A_header_length_behind_the_end(ulong length) =>
        Refused(WeightErrors.HeaderTruncated, Attack.SafeTensors(length, "{}"u8.ToArray(), []));

    [Theory]
    [InlineData("")]
    [InlineData(" {}")]
    [InlineData("\n{}")]
    [InlineData("\ufeff{}")]
    [InlineData("[]")]
    [InlineData("null")]
    public void A_header_that_does_not_start_with_a_brace(string header) => Refused(WeightErrors.HeaderInvalid, header);

    [Fact]
    public void A_header_that_is_not_UTF8()
    {
        Refused(WeightErrors.HeaderInvalid, Attack.SafeTensors([(byte)'{', 0xff, (byte)'}'], []));
        byte[] name = [.. "{\""u8, 0xc3, .. "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"u8];
        Refused(WeightErrors.HeaderInvalid, Attack.SafeTensors(name, []));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("{}}")]
    [InlineData("{} x")]
    [InlineData("{}{}")]
    [InlineData("{}\0")]
    [InlineData("""{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},}""")]
    [InlineData("""{/* */}""")]
    [InlineData("""{"a":[]}""")]
    [InlineData("""{"a":null}""")]
    [InlineData("""{"a":1}""")]
    [InlineData("""{"a":{}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":[0]}}""")]
    [InlineData("""{"a":{"dtype":"U8","data_offsets":[0,0]}}""")]
    [InlineData("""{"a":{"shape":[0],"data_offsets":[0,0]}}""")]
    [InlineData("""{"a":{"dtype":1,"shape":[0],"data_offsets":[0,0]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":0,"data_offsets":[0,0]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":[[0]],"data_offsets":[0,0]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":["0"],"data_offsets":[0,0]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":[null],"data_offsets":[0,0]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":[-0],"data_offsets":[0,0]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":[0.0],"data_offsets":[0,0]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":[0e0],"data_offsets":[0,0]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":[NaN],"data_offsets":[0,0]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":[0,9223372036854775808],"data_offsets":[0,0]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":[0,99999999999999999999999],"data_offsets":[0,0]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":[0],"data_offsets":[0]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0,0]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,-1]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"extra":1}}""")]
    [InlineData("""{"\ud800":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}""")]
    public void JSON_that_the_format_does_not_have(string header) => Refused(WeightErrors.HeaderInvalid, header);

    [Fact]
    public void JSON_nested_without_end() =>
        Refused(WeightErrors.HeaderInvalid, "{\"a\":" + new string('[', 1_000_000));

    [Theory]
    [InlineData(
        """{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"""
    )]
    [InlineData(
        """{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"""
    )]
    [InlineData("""{"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":[0],"shape":[0],"data_offsets":[0,0]}}""")]
    [InlineData("""{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"data_offsets":[0,0]}}""")]
    [InlineData("""{"__metadata__":{"k":"1","k":"2"}}""")]
    [InlineData("""{"__metadata__":{},"__metadata__":{}}""")]
    public void A_key_that_occurs_twice(string header) => Refused(WeightErrors.DuplicateKey, header);

    [Theory]
    [InlineData("""{"__metadata__":{"k":1}}""")]
    [InlineData("""{"__metadata__":{"k":null}}""")]
    [InlineData("""{"__metadata__":{"k":{}}}""")]
    [InlineData("""{"__metadata__":["k"]}""")]
    [InlineData("""{"__metadata__":null}""")]
    public void Metadata_that_is_not_text_to_text(string header) => Refused(WeightErrors.MetadataInvalid, header);

    [Theory]
    [InlineData("f32")]
    [InlineData("F128")]
    [InlineData("")]
    [InlineData("float32")]
    public void A_dtype_outside_the_format(string dtype) =>
        Refused(WeightErrors.UnknownDType, "{" + Tensor("a", dtype, "[0]", "[0,0]") + "}");

    [Fact]
    public void Offsets_that_do_not_start_at_the_first_byte() =>
        Refused(WeightErrors.OffsetsInvalid, "{" + Tensor("a", "U8", "[1]", "[1,2]") + "}", 2);

    [Fact]
    public void Offsets_that_leave_a_gap() =>
        Refused(
            WeightErrors.OffsetsInvalid,
            $"{{{Tensor("a", "U8", "[1]", "[0,1]")},{Tensor("b", "U8", "[1]", "[2,3]")}}}",
            3
        );

    [Fact]
    public void Offsets_that_overlap() =>
        Refused(
            WeightErrors.OffsetsInvalid,
            $"{{{Tensor("a", "U8", "[2]", "[0,2]")},{Tensor("b", "U8", "[2]", "[1,3]")}}}",
            3
        );

    [Fact]
    public void Offsets_that_run_backwards() =>
        Refused(
            WeightErrors.OffsetsInvalid,
            $"{{{Tensor("a", "U8", "[1]", "[0,1]")},{Tensor("b", "U8", "[1]", "[1,0]")}}}",
            1
        );

    [Fact]
    public void Many_tensors_on_the_same_bytes_as_a_memory_bomb()
    {
        IEnumerable<string> tensors = Enumerable
            .Range(0, 10_000)
            .Select(i => Tensor($"t{i}", "U8", "[1000]", "[0,1000]"));
        Refused(WeightErrors.OffsetsInvalid, $"{{{string.Join(',', tensors)}}}", 1000);
    }

    [Fact]
    public void Bytes_behind_the_last_tensor_as_a_polyglot() =>
        Refused(WeightErrors.LengthMismatch, "{" + Tensor("a", "U8", "[1]", "[0,1]") + "}", 2);

    [Fact]
    public void Bytes_in_a_file_without_tensors() => Refused(WeightErrors.LengthMismatch, "{}", 1);

    [Fact]
    public void A_tensor_behind_the_end_of_the_file() =>
        Refused(WeightErrors.LengthMismatch, "{" + Tensor("a", "U8", "[1000000000000]", "[0,1000000000000]") + "}", 1);

    [Theory]
    [InlineData("F32", "[3]", 8)]
    [InlineData("F32", "[]", 8)]
    [InlineData("F32", "[2,0]", 8)]
    [InlineData("F64", "[2]", 8)]
    [InlineData("U8", "[9223372036854775807]", 8)]
    [InlineData("U8", "[4294967296,4294967296]", 8)]
    [InlineData("F32", "[4611686018427387905]", 8)]
    [InlineData("F64", "[2305843009213693953]", 8)]
    [InlineData("U8", "[9223372036854775807,9223372036854775807,0]", 8)]
    [InlineData("F4", "[3]", 1)]
    [InlineData("F4", "[3]", 2)]
    [InlineData("F6_E2M3", "[2]", 1)]
    public void A_shape_that_does_not_fit_its_bytes_or_overflows(string dtype, string shape, int bytes) =>
        Refused(WeightErrors.SizeMismatch, "{" + Tensor("a", dtype, shape, $"[0,{bytes}]") + "}", bytes);

    [Fact]
    public void More_dimensions_than_any_tensor_has() =>
        Refused(
            WeightErrors.HeaderInvalid,
            "{" + Tensor("a", "U8", $"[{string.Join(',', Enumerable.Repeat(1, 65))}]", "[0,1]") + "}",
            1
        );

    [Fact]
    public void Scalars_and_empty_tensors_are_valid()
    {
        using var file = Accepted(
            $"{{{Tensor("s", "F32", "[]", "[0,4]")},{Tensor("e", "F64", "[2,0,3]", "[0,0]")},{Tensor("z", "F64", "[0,9223372036854775807]", "[4,4]")}}}",
            4
        );
        Assert.Equal(4, file.Bytes("s").Length);
        Assert.Empty(file.Entries["s"].Shape);
        Assert.Equal([2, 0, 3], file.Entries["e"].Shape);
        Assert.True(file.Bytes("e").IsEmpty && file.Bytes("z").IsEmpty);
    }

    [Fact]
    public void Sub_byte_elements_that_fill_whole_bytes_are_valid()
    {
        using var file = Accepted(
            $"{{{Tensor("a", "F4", "[2,2]", "[0,2]")},{Tensor("b", "F6_E3M2", "[4]", "[2,5]")}}}",
            5
        );
        Assert.Equal(2, file.Bytes("a").Length);
        Assert.Equal(3, file.Bytes("b").Length);
    }

    [Fact]
    public void White_space_behind_the_header_and_any_order_in_it_are_valid()
    {
        using var file = Accepted(
            $"{{{Tensor("b", "U8", "[1]", "[1,2]")},{Tensor("a", "U8", "[1]", "[0,1]")}}} \n\t ",
            2
        );
        Assert.Equal(["a", "b"], file.Entries.Keys);
        using var empty = Accepted("{}");
        Assert.Empty(empty.Entries);
    }

    [Fact]
    public void Names_cannot_smuggle_terminal_commands_or_floods_into_messages()
    {
        string name = "\\u001b[2Jred\\u202e" + new string('x', 100_000);
        KdException failure = Refused(WeightErrors.OffsetsInvalid, "{" + Tensor(name, "U8", "[1]", "[1,2]") + "}", 2);
        Assert.True(failure.Message.Length < 1000);
        Assert.DoesNotContain('\x1b', failure.Message);
        Assert.DoesNotContain('\u202e', failure.Message);
    }

    [Fact]
    public void A_name_that_is_asked_for_but_absent_is_a_typed_failure()
    {
        using var file = Accepted("{" + Tensor("a", "F32", "[2]", "[0,8]") + "}", 8);
        Fails.With(WeightErrors.TensorNotFound, () => file.Bytes("b"));
        Fails.With(WeightErrors.TensorNotFound, () => file.CopyTo("b", 0, new byte[4]));
        Fails.With(TorchErrors.BadArgument, () => file.CopyTo("a", 4, new byte[8]));
        Fails.With(TorchErrors.BadArgument, () => file.CopyTo("a", -4, new byte[4]));
        Fails.With(TorchErrors.BadArgument, () => file.CopyTo("a", 2, new byte[4]));
        Fails.With(TorchErrors.BadArgument, () => file.CopyTo("a", long.MaxValue - 3, new byte[4]));
    }

    [Fact]
    public void Reading_after_disposal_fails_instead_of_touching_unmapped_memory()
    {
        var file = SafeTensorsFile.Open(Fixture.Path("dtypes.safetensors"));
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.Bytes("f32").Length);
    }

    [Fact]
    public void A_file_that_is_cut_while_open_is_a_typed_failure()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("w", Fixture.Bytes("dtypes.safetensors"));
        using var file = SafeTensorsFile.Open(path);
        using (var cut = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            cut.SetLength(10);
        }
        Fails.With(WeightErrors.FileChanged, () => file.Bytes("f32"));
    }

    [Fact]
    public void A_tensor_above_2_GiB_is_read_in_pieces()
    {
        using var folder = new TemporaryFolder();
        long length = int.MaxValue + 1L;
        byte[] head = Attack.SafeTensors("{" + Tensor("big", "U8", $"[{length}]", $"[0,{length}]") + "}", []);
        using (FileStream sparse = File.Create(folder["big"]))
        {
            sparse.Write(head);
            sparse.SetLength(head.Length + length);
            sparse.Position = sparse.Length - 1;
            sparse.WriteByte(42);
        }
        using var file = SafeTensorsFile.Open(folder["big"]);
        Fails.With(WeightErrors.TensorTooLarge, () => file.Bytes("big"));
        var last = new byte[2];
        file.CopyTo("big", length - 2, last);
        Assert.Equal([0, 42], last);
    }

    [Fact]
    public void What_is_no_file_is_a_typed_failure()
    {
        using var folder = new TemporaryFolder();
        Fails.With(WeightErrors.FileUnreadable, () => SafeTensorsFile.Open(folder["missing"]));
        Fails.With(WeightErrors.FileUnreadable, () => SafeTensorsFile.Open(folder.Root));
        Fails.With(WeightErrors.FileUnreadable, () => SafeTensorsFile.Open(""));
        Fails.With(WeightErrors.FileUnreadable, () => WeightFile.Open(folder.Root));
        Fails.With(WeightErrors.HeaderTruncated, () => SafeTensorsFile.Open(folder.Write("empty", [])));
    }

    [Fact]
    public void A_header_of_a_hundred_thousand_tensors_costs_a_small_multiple_of_itself()
    {
        IEnumerable<string> tensors = Enumerable
            .Range(0, 100_000)
            .Select(i => Tensor($"t{i}", "U8", "[]", $"[{i},{i + 1}]"));
        byte[] bytes = Attack.SafeTensors(
            Encoding.UTF8.GetBytes($"{{{string.Join(',', tensors)}}}"),
            new byte[100_000]
        );
        long before = GC.GetAllocatedBytesForCurrentThread();
        using var file = SafeTensorsFile.Parse(bytes);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(100_000, file.Entries.Count);
        Assert.InRange(allocated, 0, 8L * bytes.Length);
    }
}
