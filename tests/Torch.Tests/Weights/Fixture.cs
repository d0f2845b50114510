using System.Text.Json;
using KdPlugins.Torch.Weights;
using Xunit;

namespace KdPlugins.Torch.Tests.Weights;

/// <summary>The files that Fixtures/make.py wrote, and what it recorded about them.</summary>
internal static class Fixture
{
    private static readonly string Folder = System.IO.Path.Combine(AppContext.BaseDirectory, "Weights", "Fixtures");

    public static readonly JsonElement Expected = JsonDocument
        .Parse(File.ReadAllText(Path("expected.json")))
        .RootElement;

    public static string Path(string file) => System.IO.Path.Combine(Folder, file);

    public static byte[] Bytes(string file) => File.ReadAllBytes(Path(file));

    public static byte[] Tensor(string file, string name) =>
        Convert.FromHexString(
            Expected.GetProperty(file).GetProperty("tensors").GetProperty(name).GetProperty("hex").GetString()!
        );

    /// <summary>Asserts names, dtypes, shapes and every byte.</summary>
    public static void AssertHolds(string file, IWeightSource source)
    {
        JsonElement tensors = Expected.GetProperty(file).GetProperty("tensors");
        Assert.Equal(tensors.EnumerateObject().Select(t => t.Name).Order(), source.Entries.Keys.Order());
        foreach (JsonProperty tensor in tensors.EnumerateObject())
        {
            WeightEntry entry = source.Entries[tensor.Name];
            byte[] bytes = Tensor(file, tensor.Name);
            Assert.Equal(tensor.Value.GetProperty("dtype").GetString(), entry.DType.FormatName());
            Assert.Equal(tensor.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64()), entry.Shape);
            Assert.Equal(bytes.Length, entry.ByteLength);
            Assert.Equal(bytes, source.Bytes(tensor.Name).ToArray());
        }
    }
}

/// <summary>A folder that is gone after the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("kd-weights-").FullName;

    public string this[string file] => Path.Combine(Root, file);

    public string Write(string file, ReadOnlySpan<byte> bytes)
    {
        File.WriteAllBytes(this[file], bytes);
        return this[file];
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);
}

/// <summary>Asserting on catalogue entries.</summary>
internal static class Fails
{
    public static KdException With(ErrorCode code, Action action)
    {
        var failure = Assert.Throws<KdException>(action);
        Assert.True(failure.Code == code, $"expected {code.Id} ({code.Title}), got: {failure.Message}");
        Assert.StartsWith(code.Id, failure.Message);
        return failure;
    }
}
