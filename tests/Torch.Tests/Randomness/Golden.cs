using System.Text.Json;

namespace KdPlugins.Torch.Tests.Randomness;

/// <summary>Numbers that the scripts beside this file worked out.</summary>
internal static class Golden
{
    internal static JsonElement Seeds { get; } = Read("seed_golden.json");

    internal static JsonElement Torch { get; } = Read("torch_random.json");

    internal static T[] Values<T>(this JsonElement element, string name, Func<JsonElement, T> read) =>
        [.. element.GetProperty(name).EnumerateArray().Select(read)];

    private static JsonElement Read(string name) =>
        JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Randomness", name))).RootElement;
}
