namespace KdPlugins.Host.Loading.Manifest;

/// <summary>What a level of trust checks folders against.</summary>
/// <param name="Lock">The approved hashes; null where they do not matter.</param>
/// <param name="Keys">The trusted keys; null where they do not matter.</param>
internal sealed record PluginTrust(HashLock? Lock, TrustedKeys? Keys)
{
    /// <summary>Nothing.</summary>
    internal static PluginTrust None { get; } = new(null, null);

    /// <summary>What the options ask for.</summary>
    /// <exception cref="Torch.KdException"><c>KDP0111</c>, <c>KDP0124</c>: it cannot be read.</exception>
    internal static PluginTrust Read(string root, LoaderOptions options) =>
        options.Trust switch
        {
            TrustLevel.Locked => new(HashLock.Read(HashLock.PathOf(root, options)), null),
            TrustLevel.Signed => new(null, TrustedKeys.Read(options.TrustedKeys)),
            _ => None,
        };
}
