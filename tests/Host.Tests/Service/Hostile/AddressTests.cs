namespace KdPlugins.Host.Tests.Service;

/// <summary>Every address of the interface with ids that are none, methods it does not know, and ways out of its folders.</summary>
public sealed class AddressTests(HostileService hostile) : IClassFixture<HostileService>
{
    private readonly LocalService _service = hostile.Service;

    public static TheoryData<string> BadIds =>
        [
            "..",
            "%2e%2e",
            "..%2f..",
            "..%2f..%2f..%2fetc%2fpasswd",
            "%2e%2e%5c%2e%2e",
            "%252e%252e%252f",
            "..;",
            ".",
            "%00",
            "run%00",
            "%0d%0aX-Evil:%20yes",
            "%20",
            "A",
            "a--b",
            "-",
            "~",
            "*",
            "C:%5cwindows",
            "%2fetc%2fpasswd",
            "%e7%8c%ab",
            "%ff%fe",
            "%ed%a0%80",
            "%f0%9f%98%80",
            "%E2%80%AE",
            "'%20or%201=1%20--",
            "%3Cscript%3Ealert(1)%3C/script%3E",
            "20260101-000000-abcdef-nobody",
            new string('a', 161),
            new string('a', 4000),
            string.Concat(Enumerable.Repeat("..%2f", 300)) + "etc%2fpasswd",
        ];

    [Theory]
    [MemberData(nameof(BadIds))]
    public async Task A_bad_id_is_one_typed_refusal_wherever_an_id_stands(string id)
    {
        foreach (var (method, route) in _service.Endpoints.Where(e => e.Route.Contains('{')))
        {
            List<string> targets = [Fill(route, id, id)];
            if (route.Contains("{seed}"))
                targets.Add(Fill(route, hostile.Run, id));
            foreach (var target in targets)
            {
                var answer = await _service.Send(method, target, "");
                // What a server makes of dots before it looks at the address may be another address that exists.
                if (id is ".." or "." or "%2e%2e" && answer.Status == 200)
                    Assert.DoesNotContain(HostileService.Secret, answer.Body);
                else
                    Refused(answer, $"{method} {target[..Math.Min(target.Length, 200)]}");
                Assert.Null(answer.Header("X-Evil"));
            }
        }
    }

    [Fact]
    public async Task Every_address_refuses_the_methods_it_does_not_know()
    {
        var known = _service.Endpoints.ToLookup(e => e.Route, e => e.Method);
        foreach (var route in known.Where(r => !r.Key.Contains("metrics")))
        foreach (var method in (string[])["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW"])
        {
            var target = Fill(route.Key, hostile.Run, "seed-1");
            if (!route.Contains(method) && target is not ("/api/runs/" or "/api/runs"))
                Assert.Equal(405, (await _service.Send(method, target)).Status);
        }
        Assert.Equal(405, (await _service.Send("DELETE", "/api/runs")).Status);
    }

    [Theory]
    [InlineData("/api/runs?limit=abc", 400)]
    [InlineData("/api/runs?limit=99999999999999999999", 400)]
    [InlineData("/api/runs?limit=-1", 200)]
    [InlineData("/api/runs?limit=2147483647", 200)]
    [InlineData("/api/runs?before=-9223372036854775808", 200)]
    [InlineData("/api/runs?before=1e9", 400)]
    [InlineData("/api/runs?state=Sleeping", 400)]
    [InlineData("/api/runs?state=77", 200)]
    [InlineData("/api/runs?search=%25%27%22%5c_%00", 200)]
    [InlineData("/api/runs?search=%ff", 200)]
    [InlineData("/api/queue?skip=-5&limit=0", 200)]
    [InlineData("/api/queue?skip=x", 400)]
    [InlineData("/api/nothing", 404)]
    [InlineData("/dashboard/../../etc/passwd", 404)]
    [InlineData("/dashboard/..%2f..%2fetc%2fpasswd", 404)]
    [InlineData("/dashboard/nothing.js", 404)]
    [InlineData("/openapi/..%2fv1.json", 404)]
    public async Task Questions_that_make_no_sense_are_answered_or_refused(string target, int status)
    {
        var answer = await _service.Send("GET", target);
        Assert.Equal(status, answer.Status);
        if (status != 200)
            Refused(answer, target);
    }

    [Theory]
    [InlineData("curves?points=-1")]
    [InlineData("curves?points=2147483647")]
    [InlineData("log?from=-1")]
    [InlineData("log?from=9223372036854775807")]
    [InlineData("log?tail=-2147483648")]
    public async Task Numbers_out_of_range_are_brought_into_it(string question)
    {
        var answer = await _service.Send("GET", $"/api/runs/{hostile.Run}/{question}");
        Assert.Equal(200, answer.Status);
    }

    [Fact]
    public async Task Every_answer_forbids_what_it_does_not_need_and_is_kept_by_nobody()
    {
        foreach (var (method, route) in _service.Endpoints.Where(e => e.Method == "GET"))
        foreach (var run in (string[])[hostile.Run, "no-such-run"])
        {
            var answer = await _service.Send(method, Fill(route, run, "seed-1"));
            var what = $"{route} {answer.Head}";
            Assert.True(answer.Header("X-Content-Type-Options") == "nosniff", what);
            Assert.True(answer.Header("Referrer-Policy") == "no-referrer", what);
            Assert.True(answer.Header("Content-Security-Policy")?.StartsWith("default-src 'none'") == true, what);
            Assert.Contains("frame-ancestors 'none'", answer.Header("Content-Security-Policy"));
            Assert.DoesNotContain("unsafe-eval", answer.Head);
            Assert.Null(answer.Header("Server"));
            Assert.Null(answer.Header("Access-Control-Allow-Origin"));
            // The page's own files may be asked about again, and hold nothing of anybody.
            var isPage = route == "/" || route.StartsWith("/dashboard/");
            Assert.True(answer.Header("Cache-Control")!.Contains(isPage ? "no-cache" : "no-store"), what);
        }
    }

    /// <summary>A refusal of the asker's making, with a code, and without anything of what lies elsewhere.</summary>
    internal static void Refused(RawAnswer answer, string what)
    {
        Assert.True(answer.Status is >= 400 and < 500, $"{what}: {answer.Status} {answer.Body}");
        Assert.DoesNotContain(HostileService.Secret, answer.Body);
        Assert.DoesNotContain("   at ", answer.Body);
        // The server's own refusals of what is no HTTP come before ours.
        if (answer.Status is not (400 or 414 or 431) || answer.Body.Length > 10)
            Assert.True(answer.Code?.StartsWith("KDP") == true, $"{what}: {answer.Status} {answer.Body}");
    }

    private static string Fill(string route, string id, string seed) =>
        route.Replace("{id}", id).Replace("{seed}", seed);
}
