using System.Text;
using KdPlugins.Torch.Weights;
using Xunit;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>Shards beside an index, honest and hostile.</summary>
public sealed class SafeTensorsIndexTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static byte[] Shard(params string[] names) =>
        Attack.SafeTensors(
            $"{{{string.Join(',', names.Select((n, i) => $$"""  "{{n}}":{"dtype":"U8","shape":[1],"data_offsets":[{{i}},{{i + 1}}]}  """))}}}",
            new byte[names.Length]
        );

    private KdException Refused(ErrorCode code, string index)
    {
        string path = _folder.Write("x.index.json", Encoding.UTF8.GetBytes(index));
        return Fails.With(code, () => WeightFile.Open(path).Dispose());
    }

    [Theory]
    [InlineData("../x.safetensors")]
    [InlineData("..\\\\x.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("\\\\\\\\server\\\\share")]
    [InlineData("C:\\\\x.safetensors")]
    [InlineData("C:x")]
    [InlineData("a/../../x.safetensors")]
    [InlineData("sub/x.safetensors")]
    [InlineData("./x.safetensors")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData(".. ")]
    [InlineData("x\\u0000.safetensors")]
    [InlineData("x.safetensors:stream")]
    public void An_index_that_points_outside_its_folder(string file)
    {
        Refused(WeightErrors.IndexOutsideFolder, "{\"weight_map\":{\"a\":\"" + file + "\"}}");
    }

    [Fact]
    public void A_shard_that_is_missing()
    {
        _folder.Write("one", Shard("a"));
        KdException failure = Refused(WeightErrors.ShardMissing, """{"weight_map":{"a":"one","b":"two"}}""");
        Assert.Contains("two", failure.Message);
    }

    [Fact]
    public void A_shard_that_is_damaged()
    {
        _folder.Write("one", Shard("a")[..^1]);
        Refused(WeightErrors.LengthMismatch, """{"weight_map":{"a":"one"}}""");
    }

    [Fact]
    public void An_index_that_names_a_tensor_the_shard_does_not_hold()
    {
        _folder.Write("one", Shard("a"));
        Refused(WeightErrors.ShardMismatch, """{"weight_map":{"a":"one","b":"one"}}""");
    }

    [Fact]
    public void A_shard_with_a_tensor_that_the_index_does_not_place_there()
    {
        _folder.Write("one", Shard("a", "b"));
        _folder.Write("two", Shard("b"));
        Refused(WeightErrors.ShardMismatch, """{"weight_map":{"a":"one"}}""");
        Refused(WeightErrors.ShardMismatch, """{"weight_map":{"a":"one","b":"two"}}""");
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"weight_map\":{}")]
    [InlineData("{\"weight_map\":null}")]
    [InlineData("{\"weight_map\":[]}")]
    [InlineData("{\"weight_map\":{\"a\":1}}")]
    [InlineData("{\"weight_map\":{\"a\":{\"b\":\"c\"}}}")]
    [InlineData("{\"weight_map\":{\"\\ud800\":\"x\"}}")]
    [InlineData("{\"weight_map\":{}} x")]
    [InlineData("{\"metadata\":")]
    public void An_index_that_is_not_the_JSON_of_the_format(string index) => Refused(WeightErrors.IndexInvalid, index);

    [Fact]
    public void An_index_nested_without_end() =>
        Refused(WeightErrors.IndexInvalid, "{\"metadata\":" + new string('[', 100_000));

    [Fact]
    public void An_index_that_is_not_UTF8()
    {
        string path = _folder.Write("x.index.json", [.. "{\"weight_map\":{\""u8, 0xff, .. "\":\"x\"}}"u8]);
        Fails.With(WeightErrors.IndexInvalid, () => ShardedSafeTensors.Open(path));
    }

    [Theory]
    [InlineData("""{"weight_map":{"a":"one","a":"one"}}""")]
    [InlineData("""{"weight_map":{},"weight_map":{}}""")]
    public void An_index_with_a_key_twice(string index) => Refused(WeightErrors.DuplicateKey, index);

    [Fact]
    public void A_name_that_no_shard_holds_is_a_typed_failure()
    {
        _folder.Write("one", Shard("a"));
        using var source = ShardedSafeTensors.Open(_folder.Write("x.index.json", """{"weight_map":{"a":"one"}}"""u8));
        Assert.Single(source.Shards);
        Fails.With(WeightErrors.TensorNotFound, () => source.Bytes("b"));
    }
}
