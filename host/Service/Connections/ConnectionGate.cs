using System.Net;
using KdPlugins.Torch;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;

namespace KdPlugins.Host.Service.Connections;

/// <summary>
/// Lets connections in while there is room. Where there is none, the one that has been idle for longest makes way: whoever
/// holds connections and asks nothing keeps nobody out.
/// </summary>
internal sealed class ConnectionGate(ConnectionRoom room)
{
    private readonly HashSet<Guest> _guests = [];
    private readonly Lock _gate = new();

    /// <summary>The connections that are open.</summary>
    internal int Count
    {
        get
        {
            lock (_gate)
                return _guests.Count;
        }
    }

    /// <summary>Serves a connection, or closes it.</summary>
    internal async Task Serve(ConnectionContext connection, ConnectionDelegate next)
    {
        var guest = new Guest(connection);
        if (!Admit(guest, out var leaves))
        {
            connection.Abort(new ConnectionAbortedException("There is no room for another connection."));
            return;
        }
        leaves?.Connection.Abort(new ConnectionAbortedException("It was idle, and others want in."));
        connection.Features.Set(guest);
        try
        {
            await next(connection);
        }
        finally
        {
            lock (_gate)
                _guests.Remove(guest);
        }
    }

    /// <summary>Serves a request, whose connection is not idle meanwhile.</summary>
    internal async Task Serve(HttpContext context, RequestDelegate next)
    {
        if (context.Features.Get<Guest>() is not { } guest)
        {
            await next(context);
            return;
        }
        Change(() => guest.Requests++);
        try
        {
            await next(context);
        }
        finally
        {
            Change(() => (guest.Requests, guest.LastUsed) = (guest.Requests - 1, Environment.TickCount64));
        }
    }

    /// <summary>Counts an event stream for as long as it is not disposed: it takes no connection from others.</summary>
    /// <exception cref="KdException"><c>KDP0913</c>: there are too many.</exception>
    internal IDisposable Stream(HttpContext context)
    {
        if (context.Features.Get<Guest>() is not { } guest)
            return new Leave(() => { });
        lock (_gate)
        {
            var streams = _guests.Where(g => g.Streams > 0).ToList();
            var own = streams.Where(g => g.Address.Equals(guest.Address)).Sum(g => g.Streams);
            if (streams.Sum(g => g.Streams) >= room.Streams || own >= room.PerAddress)
                throw new KdException(
                    ServiceErrors.TooManyStreams,
                    $"There are {streams.Sum(g => g.Streams)} event streams, {own} of them to this address."
                );
            guest.Streams++;
        }
        return new Leave(() => Change(() => guest.Streams--));
    }

    private void Change(Action change)
    {
        lock (_gate)
            change();
    }

    private bool Admit(Guest guest, out Guest? leaves)
    {
        lock (_gate)
        {
            leaves = null;
            var all = _guests.Where(g => g.Streams == 0).ToList();
            var own = all.Where(g => g.Address.Equals(guest.Address)).ToList();
            if (own.Count >= room.PerAddress)
                leaves = LongestIdle(own);
            else if (all.Count >= room.Connections)
                leaves = LongestIdle(all.GroupBy(g => g.Address).MaxBy(g => g.Count(IsIdle))!);
            else
                return _guests.Add(guest);
            return leaves is not null && _guests.Remove(leaves) && _guests.Add(guest);
        }
    }

    private static bool IsIdle(Guest guest) => guest.Requests == 0;

    private static Guest? LongestIdle(IEnumerable<Guest> guests) => guests.Where(IsIdle).MinBy(g => g.LastUsed);

    // Changed under the gate only.
    private sealed class Guest(ConnectionContext connection)
    {
        internal ConnectionContext Connection { get; } = connection;

        // Loopback is one address, whichever of its names was used.
        internal IPAddress Address { get; } =
            (connection.RemoteEndPoint as IPEndPoint)?.Address is not { } address ? IPAddress.None
            : IPAddress.IsLoopback(address) ? IPAddress.Loopback
            : address.MapToIPv6();

        internal long LastUsed { get; set; } = Environment.TickCount64;

        internal int Requests { get; set; }

        internal int Streams { get; set; }
    }

    private sealed class Leave(Action leave) : IDisposable
    {
        private Action? _leave = leave;

        public void Dispose() => Interlocked.Exchange(ref _leave, null)?.Invoke();
    }
}
