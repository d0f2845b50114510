using System.Net;
using System.Net.Sockets;
using System.Text;

namespace KdPlugins.Host.Tests.Service;

/// <summary>Pages of other origins, names that resolve to loopback, and whoever has no token.</summary>
public sealed class StrangerTests(HostileService hostile) : IClassFixture<HostileService>
{
    private readonly LocalService _service = hostile.Service;

    private string Authority => _service.Http.BaseAddress!.Authority;

    private IEnumerable<(string Method, string Target)> All =>
        _service.Endpoints.Select(e => (e.Method, e.Route.Replace("{id}", hostile.Run).Replace("{seed}", "seed-1")));

    [Theory]
    [InlineData("evil.example")]
    [InlineData("127.0.0.1.evil.example")]
    [InlineData("localhost.evil.example:80")]
    [InlineData("evil.example:5870")]
    [InlineData("127.0.0.2")]
    [InlineData("[::2]")]
    [InlineData("0.0.0.0")]
    [InlineData("2130706433")]
    public async Task A_name_that_is_not_this_machines_is_refused_everywhere(string host)
    {
        foreach (var (method, target) in All)
        {
            var answer = await _service.Send(method, target, "", $"Host: {host}");
            Assert.Equal((421, "KDP0907"), (answer.Status, answer.Code));
        }
    }

    [Theory]
    [InlineData("Host: a\r\nHost: b")]
    [InlineData("Host: evil.example@127.0.0.1")]
    [InlineData("Host: 127.0.0.1, evil.example")]
    [InlineData("Host: -")]
    public async Task A_host_that_is_none_is_refused(string header) =>
        Assert.Equal(400, (await _service.Send("GET", "/api/runs", "", header)).Status);

    [Fact]
    public async Task A_whole_address_of_another_host_is_refused() =>
        Assert.InRange((await _service.Send("GET", "http://evil.example/api/runs")).Status, 400, 421);

    [Theory]
    [InlineData("Origin: http://evil.example")]
    [InlineData("Origin: null")]
    [InlineData("Origin: http://localhost:1")]
    [InlineData("Origin: http://AUTHORITY.evil.example")]
    [InlineData("Origin: http://evil.example@AUTHORITY.example")]
    [InlineData("Origin: file://")]
    [InlineData("Origin: \u00ff")]
    [InlineData("Sec-Fetch-Site: cross-site")]
    [InlineData("Sec-Fetch-Site: same-site")]
    public async Task A_page_of_another_origin_gains_nothing(string header)
    {
        foreach (var (method, target) in All)
        {
            var answer = await _service.Send(method, target, "", header.Replace("AUTHORITY", Authority));
            Assert.True(answer.Status is 403 or 400, $"{method} {target}: {answer.Status}");
        }
        var asked = await _service.Send(
            "OPTIONS",
            "/api/runs",
            "",
            "Origin: http://evil.example",
            "Access-Control-Request-Method: POST"
        );
        Assert.Equal(403, asked.Status);
        Assert.Null(asked.Header("Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task The_pages_own_origin_is_let_in() =>
        Assert.Equal(200, (await _service.Send("GET", "/api/runs", "", $"Origin: http://{Authority}")).Status);

    [Theory]
    [InlineData("Authorization: -")]
    [InlineData("Authorization: Bearer 0123456789abcdef-secreT")]
    [InlineData("Authorization: Bearer 0123456789abcdef-secre")]
    [InlineData("Authorization: Bearer 0123456789abcdef-secret0")]
    [InlineData("Authorization: Bearer ")]
    [InlineData("Authorization: 0123456789abcdef-secret")]
    [InlineData("Authorization: Basic MDEyMzQ1Njc4OWFiY2RlZi1zZWNyZXQ=")]
    [InlineData("Authorization: Bearer a\r\nAuthorization: Bearer 0123456789abcdef-secret")]
    public async Task Without_the_token_only_health_and_the_page_itself_are_there(string header)
    {
        foreach (var (method, target) in All)
        {
            var isOpen = target == "/" || target.StartsWith("/health/") || target.StartsWith("/dashboard/");
            var answer = await _service.Send(method, target, "", header);
            Assert.True(isOpen ? answer.Status == 200 : answer.Status == 401, $"{target}: {answer.Status}");
        }
    }

    [Theory]
    [InlineData("/dashboard/../api/runs")]
    [InlineData("/health/%2e%2e/api/runs")]
    [InlineData("/health/..%2fapi/runs")]
    [InlineData("//api/runs")]
    [InlineData("/API/RUNS")]
    [InlineData("/api/runs?token=0123456789abcdef-secret")]
    [InlineData("/api/runs/?access_token=0123456789abcdef-secret")]
    public async Task No_way_of_writing_an_address_goes_round_the_token(string target)
    {
        var answer = await _service.Send("GET", target, "", "Authorization: -");
        Assert.True(answer.Status is 401 or 404, $"{answer.Status} {answer.Body}");
    }

    [Fact]
    public async Task No_token_right_or_wrong_is_in_the_log_and_refusals_are_no_trouble_of_the_service()
    {
        const string Wrong = "fedcba9876543210-guess";
        await _service.Send("GET", "/api/runs");
        await _service.Send("GET", "/api/runs", "", $"Authorization: Bearer {Wrong}");
        await _service.Send("POST", "/api/runs", "{ not json");
        await _service.Send("GET", "/api/runs/no-such-run");
        var log = _service.Log.Text;
        Assert.Contains("/api/runs", log);
        Assert.DoesNotContain(Wrong, log);
        Assert.DoesNotContain(
            log.Split('\n').Where(l => l.Contains(HostileService.Token)),
            l => !l.Contains("token=") // another test's address: who writes a token there has told it to everybody
        );
        Assert.DoesNotContain("unhandled exception", log);
        Assert.DoesNotContain(log.Split('\n'), l => l.StartsWith("Error "));
    }

    [Fact]
    public async Task Connections_that_say_nothing_or_half_a_request_hold_up_nobody()
    {
        List<TcpClient> idle = [];
        try
        {
            for (var i = 0; i < 100; i++)
            {
                var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, _service.Http.BaseAddress!.Port);
                if (i % 2 == 0)
                    await client
                        .GetStream()
                        .WriteAsync(Encoding.ASCII.GetBytes("POST /api/runs HTTP/1.1\r\nHost: 127"));
                idle.Add(client);
            }
            var began = System.Diagnostics.Stopwatch.StartNew();
            Assert.Equal(200, (await _service.Send("GET", "/api/runs")).Status);
            Assert.True(began.Elapsed < TimeSpan.FromSeconds(5), $"{began.Elapsed}");
        }
        finally
        {
            idle.ForEach(c => c.Dispose());
        }
    }
}
