using System.Security.Cryptography;
using System.Text;
using KdPlugins.Core;
using KdPlugins.Torch;

namespace Plugin._1;

/// <summary>The opened data set.</summary>
internal sealed class Stripes(KdClassOptions options) : IDataset
{
    internal static readonly string[] Names = ["level", "rising", "upright", "falling"];

    // Measured by ChannelStatistics of KdPlugins.Testing, over 2048 images.
    private const double Mean = 0.498;
    private const double Std = 0.282;

    /// <inheritdoc/>
    public DataInfo Info { get; } =
        new(
            InputKind.Image,
            [1, options.Size, options.Size],
            TargetKind.ClassIndex,
            Names.Length,
            Names,
            [Mean],
            [Std],
            []
        );

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Splits => ["train", "test"];

    // All that the images are made from. Of files, hash their contents.
    /// <inheritdoc/>
    public string Fingerprint =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"plugin-id-1 1 {options}")));

    /// <inheritdoc/>
    /// <exception cref="KdException"><c>KDP0402</c>: there is no such split.</exception>
    public IDataSource Open(string split) =>
        split switch
        {
            "train" => new StripeSource(options.Train, options.Size, new RandomKey((ulong)options.Seed).Derive(split)),
            "test" => new StripeSource(options.Test, options.Size, new RandomKey((ulong)options.Seed).Derive(split)),
            _ => throw new KdException(
                DataErrors.SplitMissing,
                $"Data set 'plugin-id-1' has no split '{split}'; it has: {string.Join(", ", Splits)}."
            ),
        };

    /// <summary>Nothing is open.</summary>
    public void Dispose() { }
}
