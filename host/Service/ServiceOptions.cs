using System.ComponentModel.DataAnnotations;
using System.Net;
using KdPlugins.Host.Loading;

namespace KdPlugins.Host.Service;

/// <summary>
/// The options of the service: section "Kd" of appsettings.json, then the environment (<c>Kd__Devices__0=cuda:0</c>), then
/// the command line. Validated when the service starts, all failures at once.
/// </summary>
public sealed class ServiceOptions : IValidatableObject
{
    /// <summary>The section of the configuration.</summary>
    public const string Section = "Kd";

    /// <summary>The folder of queue, runs, inbox and plugin sets. Default: <c>kd-service</c> in the working folder.</summary>
    [Required, MinLength(1)]
    public string Data { get; set; } = "kd-service";

    /// <summary>The folder that is watched for plugins; empty for the one beside the program.</summary>
    public string Plugins { get; set; } = "";

    /// <summary>Where the service listens. Default: <c>http://127.0.0.1:5870</c>.</summary>
    [Required, MinLength(1)]
    public string Urls { get; set; } = "http://127.0.0.1:5870";

    /// <summary>A file with the token that requests must carry; needed beyond loopback. Empty for none.</summary>
    public string TokenFile { get; set; } = "";

    /// <summary>Further host names that requests may name, such as the one of a proxy. Default: none but loopback's.</summary>
    public IList<string> AllowedHosts { get; set; } = [];

    /// <summary>
    /// The devices, one worker each: <c>auto</c> (what the recipe says), <c>cpu</c>, <c>cuda:N</c>. Default: one <c>auto</c>.
    /// </summary>
    public IList<string> Devices { get; set; } = [];

    /// <summary>Threads of each worker; 0 for one per processor. 0 to 1024, default 0.</summary>
    [Range(0, 1024)]
    public int Threads { get; set; }

    /// <summary>
    /// What relative paths of recipes start at that come without a folder of their own; a data root besides. Empty for the
    /// first of DataRoots; where there is none, such paths are refused.
    /// </summary>
    public string RecipeFolder { get; set; } = "";

    /// <summary>
    /// Folders below which everything has to lie that a submitted recipe reads, links followed; the service's own folder is
    /// one too. Default: none, which on a service that listens on loopback only, without a token, means everything that its
    /// user may read, and elsewhere nothing but its own folder.
    /// </summary>
    public IList<string> DataRoots { get; set; } = [];

    /// <summary>
    /// Failed attempts without a new checkpoint in between after which a run has failed. 1 to 100, default 3.
    /// </summary>
    [Range(1, 100)]
    public int MaxFailures { get; set; } = 3;

    /// <summary>The pause before the second attempt, in seconds; it doubles with every further one. 0 to 3600, default 5.</summary>
    [Range(0.0, 3600.0)]
    public double BackOffSeconds { get; set; } = 5;

    /// <summary>The longest pause before an attempt, in seconds. 0 to 86400, default 600.</summary>
    [Range(0.0, 86400.0)]
    public double MaxBackOffSeconds { get; set; } = 600;

    /// <summary>How long a worker may take to save and end when it is asked to, in seconds. 1 to 3600, default 60.</summary>
    [Range(1.0, 3600.0)]
    public double StopSeconds { get; set; } = 60;

    /// <summary>A worker that says nothing for so long has hung and is ended, in seconds; 0 for never. Default 1800.</summary>
    [Range(0.0, 604800.0)]
    public double StallSeconds { get; set; } = 1800;

    /// <summary>
    /// The memory of a worker, in megabytes, above which its attempt is ended; 0 for no limit, -1 for nine tenths of the
    /// machine's. Default -1.
    /// </summary>
    [Range(-1, 100_000_000)]
    public long MemoryLimitMegabytes { get; set; } = -1;

    /// <summary>
    /// Free disk space, in megabytes, below which no run is started; below half of it running ones save and wait.
    /// 0 to 100,000,000, default 1024.
    /// </summary>
    [Range(0, 100_000_000)]
    public long MinFreeMegabytes { get; set; } = 1024;

    /// <summary>
    /// Connections at once, event streams aside; where there are more, the one that is idle for longest is closed. 0 for half
    /// of what the process may open (<c>ulimit -n</c>), at most 1000. 0 to 100,000, default 0.
    /// </summary>
    [Range(0, 100_000)]
    public int MaxConnections { get; set; }

    /// <summary>
    /// Of these of one address, and event streams of one address; loopback is one. 0 for half of MaxConnections. 0 to 100,000,
    /// default 0.
    /// </summary>
    [Range(0, 100_000)]
    public int MaxConnectionsPerAddress { get; set; }

    /// <summary>Event streams at once; 0 as for MaxConnections. 0 to 100,000, default 0.</summary>
    [Range(0, 100_000)]
    public int MaxEventStreams { get; set; }

    /// <summary>A connection that asks nothing for so long is closed, in seconds. 1 to 86400, default 60.</summary>
    [Range(1.0, 86400.0)]
    public double IdleSeconds { get; set; } = 60;

    /// <summary>How long a request may take to say what it wants (its headers), in seconds. 1 to 3600, default 10.</summary>
    [Range(1.0, 3600.0)]
    public double HeaderSeconds { get; set; } = 10;

    /// <summary>How long a plugin folder must be at rest before it is looked at, in seconds. 0.05 to 600, default 1.</summary>
    [Range(0.05, 600.0)]
    public double QuietSeconds { get; set; } = 1;

    /// <summary>
    /// Which plugins come into use: <c>Open</c> all, <c>Locked</c> as plugins.lock.json records them, <c>Signed</c> by a
    /// trusted key. Default: Open.
    /// </summary>
    [EnumDataType(typeof(TrustLevel))]
    public TrustLevel Trust { get; set; } = TrustLevel.Open;

    /// <summary>The folder of trusted public keys (.pem), for Signed. Default: none.</summary>
    public string TrustedKeys { get; set; } = "";

    /// <summary>The command that starts a worker, without its arguments; empty for this program.</summary>
    public IList<string> WorkerCommand { get; set; } = [];

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var device in Devices.Where(d => !IsDevice(d)))
            yield return new($"Devices: '{device}' is none of auto, cpu, cuda, cuda:N.", [nameof(Devices)]);
        if (Devices.Distinct().Count() != Devices.Count)
            yield return new("Devices: each device gets one worker; one is named twice.", [nameof(Devices)]);
        if (Trust == TrustLevel.Signed && TrustedKeys.Length == 0)
            yield return new("Signed plugins need a folder of trusted keys.", [nameof(TrustedKeys)]);
        if (MaxBackOffSeconds < BackOffSeconds)
            yield return new("MaxBackOffSeconds is less than BackOffSeconds.", [nameof(MaxBackOffSeconds)]);
        foreach (var url in Urls.Split(';'))
            if (
                !Uri.TryCreate(url.Replace("*", "any").Replace("+", "any"), UriKind.Absolute, out var uri)
                || !IsHttp(uri)
            )
                yield return new($"Urls: '{url}' is no address such as http://127.0.0.1:5870.", [nameof(Urls)]);
    }

    /// <summary>Where the service listens; every address of the machine goes as "any".</summary>
    internal IReadOnlyList<Uri> Addresses =>
        [.. Urls.Split(';').Select(u => new Uri(u.Replace("*", "any").Replace("+", "any")))];

    /// <summary>Whether a host is this machine and nobody else can ask.</summary>
    internal static bool IsLoopback(string host) =>
        host == "localhost"
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    private static bool IsHttp(Uri uri) => uri.Scheme is "http" or "https";

    private static bool IsDevice(string device) =>
        device is "auto" or "cpu" or "cuda"
        || (device.StartsWith("cuda:", StringComparison.Ordinal) && byte.TryParse(device.AsSpan(5), out _));
}
