using KdPlugins.Torch;

namespace KdPlugins.Host.Loading;

/// <summary>How far plugin folders are trusted.</summary>
public enum TrustLevel
{
    /// <summary>Whatever lies in the folder is loaded: for development.</summary>
    Open,

    /// <summary>Only folders whose files have the SHA-256 that plugins.lock.json records.</summary>
    Locked,

    /// <summary>Only folders whose plugin.json bears a signature of a trusted key, and lists every file.</summary>
    Signed,
}

/// <summary>What the machine has, asked only where a manifest requires it.</summary>
/// <param name="HasCuda">Whether a CUDA device can be used.</param>
/// <param name="MemoryBytes">The memory that the process may use.</param>
public sealed record HostCapabilities(Func<bool> HasCuda, Func<long> MemoryBytes)
{
    /// <summary>This machine's.</summary>
    public static HostCapabilities Actual { get; } =
        new(() => NativeRuntime.Start().CudaAvailable, () => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
}

/// <summary>How plugins are loaded.</summary>
public sealed record LoaderOptions
{
    /// <summary>How far the folders are trusted. Default: Open.</summary>
    public TrustLevel Trust { get; init; } = TrustLevel.Open;

    /// <summary>The lock file; default: plugins.lock.json in the plugin folder.</summary>
    public string? LockFile { get; init; }

    /// <summary>The folder of trusted public keys (.pem), for Signed; null for none.</summary>
    public string? TrustedKeys { get; init; }

    /// <summary>How long a constructor, or the loading of an assembly's types, may take. Default: 10 seconds.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The largest assembly that is read, in bytes. Default: 128 MiB.</summary>
    public long MaxAssemblyBytes { get; init; } = 128L << 20;

    /// <summary>The largest number of files in a plugin's folder. Default: 5000.</summary>
    public int MaxFiles { get; init; } = 5000;

    /// <summary>The largest package, and the most that one unpacks to, in bytes. Default: 1 GiB.</summary>
    public long MaxPackageBytes { get; init; } = 1L << 30;

    /// <summary>Where packages are unpacked; default: KD_PACKAGES, or a folder of the user's.</summary>
    public string? PackageFolder { get; init; }

    /// <summary>Called once before the first constructor of a plugin runs: starts libtorch, which constructors may use.</summary>
    public Action? BeforeFirstInstance { get; init; }

    /// <summary>
    /// Subfolders of which no code is run here, each with the reason: their plugins are active, but instances of them cannot be
    /// made. Default: none.
    /// </summary>
    internal IReadOnlyDictionary<string, string> Held { get; init; } = new Dictionary<string, string>();

    /// <summary>What the machine has.</summary>
    public HostCapabilities Capabilities { get; init; } = HostCapabilities.Actual;
}
