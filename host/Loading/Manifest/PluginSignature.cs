using System.Security.Cryptography;
using KdPlugins.Torch;

namespace KdPlugins.Host.Loading.Manifest;

/// <summary>
/// Signatures over the bytes of plugin.json, which has the hashes of all else: ECDSA on P-256 with SHA-256, as DER, so that
/// <c>openssl dgst -sha256</c> makes and checks the same.
/// </summary>
internal static class PluginSignature
{
    /// <summary>The signature's name beside plugin.json.</summary>
    internal const string FileName = "plugin.json.sig";

    /// <summary>The largest that is read.</summary>
    internal const int MaxBytes = 16 << 10;

    private const string Curve = "1.2.840.10045.3.1.7";
    private const DSASignatureFormat Format = DSASignatureFormat.Rfc3279DerSequence;

    /// <summary>A new pair of keys, as PEM.</summary>
    internal static (string Private, string Public) NewKeys()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return (key.ExportPkcs8PrivateKeyPem() + "\n", key.ExportSubjectPublicKeyInfoPem() + "\n");
    }

    /// <summary>Signs with the private key of a PEM file.</summary>
    /// <exception cref="KdException"><c>KDP0124</c>: the file holds no private key on P-256.</exception>
    internal static byte[] Sign(byte[] manifest, string keyFile)
    {
        using var key = Read(keyFile);
        try
        {
            return key.SignData(manifest, HashAlgorithmName.SHA256, Format);
        }
        catch (CryptographicException e)
        {
            throw Unusable(keyFile, "it has no private key", e);
        }
    }

    /// <summary>The name of the trusted key that made a signature, or null.</summary>
    internal static string? Signer(byte[] manifest, byte[] signature, TrustedKeys keys) =>
        keys.Keys.FirstOrDefault(k => k.Key.VerifyData(manifest, signature, HashAlgorithmName.SHA256, Format)).Name;

    /// <summary>A key on P-256 from a PEM file.</summary>
    /// <exception cref="KdException"><c>KDP0124</c>.</exception>
    internal static ECDsa Read(string file)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(PlainFile.ReadText(file, MaxBytes));
            return key.ExportParameters(false).Curve.Oid.Value == Curve
                ? key
                : throw Unusable(file, "its key is not on P-256", null);
        }
        catch (Exception e)
            when (e is CryptographicException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            key.Dispose();
            throw Unusable(file, "it holds no key in PEM", e);
        }
    }

    private static KdException Unusable(string file, string why, Exception? inner) =>
        new(
            HostErrors.NotSigned,
            $"the key file '{file}' cannot be used: {why}.",
            "Make keys on P-256 by 'kd plugins keygen NAME'.",
            inner
        );
}

/// <summary>The public keys whose signatures are trusted: every .pem file of a folder.</summary>
internal sealed class TrustedKeys
{
    private TrustedKeys(IReadOnlyList<(string, ECDsa)> keys) => Keys = keys;

    /// <summary>The keys by their files' names.</summary>
    internal IReadOnlyList<(string Name, ECDsa Key)> Keys { get; }

    /// <exception cref="KdException"><c>KDP0124</c>: there is no folder, no key in it, or one that cannot be used.</exception>
    internal static TrustedKeys Read(string? folder)
    {
        var files = folder is not null && Directory.Exists(folder) ? Directory.GetFiles(folder, "*.pem") : [];
        return files.Length > 0
            ? new([.. files.Order(StringComparer.Ordinal).Select(f => (Path.GetFileName(f), PluginSignature.Read(f)))])
            : throw new KdException(
                HostErrors.NotSigned,
                folder is null
                    ? "signed plugins are asked for, but no folder of trusted keys is named."
                    : $"the folder of trusted keys '{folder}' has no .pem file.",
                "Put the public keys you trust into a folder, each a .pem file, and name it by --trusted-keys."
            );
    }
}
