using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace Plugin._1;

/// <summary>The images of a split. An image follows from its number alone, so any thread may read any of them.</summary>
internal sealed class StripeSource(long count, int size, RandomKey key) : IDataSource
{
    /// <inheritdoc/>
    public long Count => count;

    /// <inheritdoc/>
    public Batch Read(ReadOnlyMemory<long> indices)
    {
        var area = size * size;
        var pixels = new byte[indices.Length * area];
        var labels = new long[indices.Length];
        for (var i = 0; i < indices.Length; i++)
        {
            var index = indices.Span[i];
            labels[i] = index % Stripes.Names.Length;
            Paint(labels[i], new SeededRandom(key.Derive(index).Value), pixels.AsSpan(i * area, area));
        }
        using var flat = tensor(pixels);
        // [batch, 1, size, size], uint8
        return new(
            flat.view(indices.Length, 1, size, size).clone(),
            new ClassIndexTarget(tensor(labels)),
            tensor(indices.ToArray())
        );
    }

    private void Paint(long direction, SeededRandom random, Span<byte> pixels)
    {
        var angle = direction * Math.PI / Stripes.Names.Length;
        var (x, y) = (Math.Sin(angle), Math.Cos(angle));
        var frequency = random.NextUniform(0.8, 1.6);
        var phase = random.NextUniform(0, 2 * Math.PI);
        for (var p = 0; p < pixels.Length; p++)
        {
            var wave = Math.Sin(frequency * (x * (p % size) + y * (p / size)) + phase);
            var grey = 0.5 + 0.35 * wave + random.NextUniform(-0.25, 0.25);
            pixels[p] = (byte)Math.Clamp(grey * 255, 0, 255);
        }
    }
}
