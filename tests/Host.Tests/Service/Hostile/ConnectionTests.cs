using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using KdPlugins.Host.Service;
using KdPlugins.Host.Service.Connections;
using KdPlugins.Host.Tests.Commands;
using KdPlugins.Torch;

namespace KdPlugins.Host.Tests.Service;

/// <summary>Whoever holds connections and asks nothing keeps nobody out.</summary>
public sealed class ConnectionTests : IDisposable
{
    private readonly Kd _kd = new();
    private readonly List<TcpClient> _idle = [];

    public void Dispose()
    {
        foreach (var client in _idle)
            client.Dispose();
        _kd.Dispose();
    }

    private async Task Idle(int port, int count, string says = "")
    {
        for (var i = 0; i < count; i++)
        {
            var client = new TcpClient();
            _idle.Add(client);
            try
            {
                await client.ConnectAsync("127.0.0.1", port);
                await client.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes(says));
            }
            catch (Exception e) when (e is SocketException or IOException)
            {
                // It made way before it was through.
            }
        }
    }

    // Closed by the service: nothing more comes.
    private static bool IsClosed(TcpClient client)
    {
        try
        {
            return client.Client.Poll(0, SelectMode.SelectRead) && client.Client.Available == 0;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    [Theory]
    [InlineData(8, 100, "")]
    [InlineData(100, 8, "")]
    [InlineData(8, 8, "GET /health/live HTTP/1.1\r\nHost: ")]
    public async Task A_request_is_answered_beside_idle_connections_of_which_the_oldest_make_way(
        int most,
        int ofOne,
        string says
    )
    {
        await using var service = await LocalService.Start(
            _kd,
            o => (o.MaxConnections, o.MaxConnectionsPerAddress, o.MaxEventStreams) = (most, ofOne, 4)
        );
        await Idle(service.Http.BaseAddress!.Port, 50, says);
        // Those that came together leave in any order; these come later, all of them.
        await service.Until(() => _idle.Count(c => !IsClosed(c)) <= 8);
        // Some are accepted and not looked at yet, and would count as later ones.
        await Task.Delay(TimeSpan.FromSeconds(1));
        await Idle(service.Http.BaseAddress!.Port, 10, says);
        // As many go as came: all of these have been looked at, and none of them counts as later than the request.
        await service.Until(() => _idle.Count(c => !IsClosed(c)) <= 8);

        // A client of its own: one that asked before has made way too.
        using var client = new HttpClient { BaseAddress = service.Http.BaseAddress };
        var watch = Stopwatch.StartNew();
        using var answer = await client.GetAsync("/health/live");

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), $"{watch.Elapsed}");
        await service.Until(() => _idle.Count(c => !IsClosed(c)) <= 8);
        Assert.All(_idle.Take(50), c => Assert.True(IsClosed(c)));
    }

    [Fact]
    public async Task Event_streams_are_counted_apart_and_take_no_room_from_requests()
    {
        await using var service = await LocalService.Start(
            _kd,
            o => (o.MaxConnections, o.MaxConnectionsPerAddress, o.MaxEventStreams) = (8, 4, 4)
        );
        List<Stream> streams = [];
        for (var i = 0; i < 4; i++)
            streams.Add(await service.Http.GetStreamAsync("/api/events"));

        var refused = await service.Send("GET", "/api/events");
        Assert.Equal((503, "KDP0913"), (refused.Status, refused.Code));
        await Idle(service.Http.BaseAddress!.Port, 20);
        Assert.Equal(200, (await service.Send("GET", "/health/live")).Status);

        // None of them was idle, and one that is closed makes room.
        var one = new byte[1];
        Assert.Equal(1, await streams[0].ReadAsync(one));
        await streams[0].DisposeAsync();
        for (var tries = 0; (await service.Send("GET", "/api/events")).Status != 200; tries++)
        {
            Assert.True(tries < 100);
            await Task.Delay(100);
        }
    }

    [Fact]
    public async Task Who_asks_nothing_is_shown_out()
    {
        await using var service = await LocalService.Start(_kd, o => (o.IdleSeconds, o.HeaderSeconds) = (1, 1));
        await Idle(service.Http.BaseAddress!.Port, 1);
        await Idle(service.Http.BaseAddress!.Port, 1, "GET / HTTP/1.1\r\nHost: loc");

        // Half a request is answered that it came too slowly.
        await service.Until(() => IsClosed(_idle[0]) && _idle[1].Client.Poll(0, SelectMode.SelectRead));
    }

    [Theory]
    [InlineData(330, 90, 0, 0)]
    [InlineData(1024, 100, 400, 400)]
    [InlineData(int.MaxValue, 100, 0, 0)]
    public void What_the_descriptors_allow_is_shared_out(int limit, int open, int connections, int streams)
    {
        var options = new ServiceOptions { MaxConnections = connections, MaxEventStreams = streams };
        var room = ConnectionRoom.Of(options, limit, open);
        Assert.InRange(room.Connections + room.Streams, 32, limit - open - ConnectionRoom.Reserve);
        Assert.InRange(room.PerAddress, 1, room.Connections);
    }

    [Theory]
    [InlineData(200, 90, 0, 0)]
    [InlineData(330, 90, 100, 100)]
    [InlineData(64, 90, 1, 1)]
    public void Too_few_descriptors_are_refused(int limit, int open, int connections, int streams)
    {
        var options = new ServiceOptions { MaxConnections = connections, MaxEventStreams = streams };
        var error = Assert.Throws<KdException>(() => ConnectionRoom.Of(options, limit, open));
        Assert.Equal(ServiceErrors.TooFewDescriptors, error.Code);
        Assert.Contains($"may open {limit} files", error.Message);
    }

    [Fact]
    public void The_limit_is_read_as_the_system_writes_it()
    {
        Assert.Equal(330, Descriptors.LimitIn("Limit  Soft  Hard\nMax open files            330   4096   files\n"));
        Assert.Equal(int.MaxValue, Descriptors.LimitIn("Max open files            unlimited  unlimited  files\n"));
        Assert.InRange(Descriptors.Limit(), 64, int.MaxValue);
        Assert.InRange(Descriptors.Open(), 3, Descriptors.Limit());
    }

    [SkippableFact]
    public async Task With_330_descriptors_and_330_idle_connections_a_request_is_answered_within_a_second()
    {
        using var service = new ServiceProcess(_kd.At("data"), Kd.Plugins, 330);
        var id = service.Submit(_kd.TinyRecipe());
        await Idle(service.Http.BaseAddress!.Port, 330);
        foreach (var target in (string[])["/health/ready", "/api/runs", $"/api/runs/{id}"])
        {
            using var fresh = new HttpClient { BaseAddress = service.Http.BaseAddress };
            var watch = Stopwatch.StartNew();
            Assert.True((await fresh.GetAsync(target)).IsSuccessStatusCode, service.Said);
            Assert.True(watch.Elapsed < TimeSpan.FromSeconds(1), $"{target} took {watch.Elapsed}.");
        }
        // Its own work goes on too.
        service.WaitFor(id, "Done");
    }

    [SkippableFact]
    public async Task With_100_descriptors_the_service_does_not_start_and_says_why()
    {
        Skip.If(Environment.GetEnvironmentVariable("KD_TESTS_FULL") != "1", "Takes a process: set KD_TESTS_FULL=1.");
        using var process = Kd.StartWithin(100, "serve", "--urls", "http://127.0.0.1:0", "--data", _kd.At("data"));
        var said = process.StandardError.ReadToEndAsync();
        Assert.True(process.WaitForExit(60_000));
        Assert.Equal(1, process.ExitCode);
        Assert.StartsWith("KDP0912 The process may open 100 files", await said);
    }
}
