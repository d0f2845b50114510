using KdPlugins.Torch;

namespace KdPlugins.Host.Service.Connections;

/// <summary>How many connections the service keeps open, so that it never runs out of descriptors for its own work.</summary>
/// <param name="Connections">In all, event streams aside.</param>
/// <param name="Streams">Event streams in all.</param>
/// <param name="PerAddress">Of one address, event streams aside; as many streams besides.</param>
internal sealed record ConnectionRoom(int Connections, int Streams, int PerAddress)
{
    /// <summary>What the service's own files take: database, logs, plugins, assemblies that are loaded later.</summary>
    internal const int Reserve = 96;

    /// <summary>What a worker takes: its pipes and log.</summary>
    internal const int PerWorker = 8;

    private const int Least = 16;
    private const int Most = 1000;

    /// <summary>The room that options and descriptors leave.</summary>
    /// <param name="options">What is wanted.</param>
    /// <param name="limit">Descriptors that the process may open.</param>
    /// <param name="open">Those that it has open.</param>
    /// <exception cref="KdException"><c>KDP0912</c>: there are too few.</exception>
    internal static ConnectionRoom Of(ServiceOptions options, int limit, int open)
    {
        var own = open + Reserve + PerWorker * Math.Max(1, options.Devices.Count);
        var left = Math.Max(0, limit - own);
        var connections = options.MaxConnections > 0 ? options.MaxConnections : Math.Clamp(left / 2, Least, Most);
        var streams = options.MaxEventStreams > 0 ? options.MaxEventStreams : Math.Clamp(left / 2, Least, Most);
        if (connections + streams > left)
            throw new KdException(
                ServiceErrors.TooFewDescriptors,
                $"The process may open {limit} files and sockets; the service needs {own} for its own work, "
                    + $"{connections} for connections and {streams} for event streams."
            );
        var perAddress = options.MaxConnectionsPerAddress;
        return new(connections, streams, perAddress > 0 ? perAddress : Math.Max(1, connections / 2));
    }
}
