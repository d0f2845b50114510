using System.Text.Json.Nodes;

namespace KdPlugins.Host.Tests.Service;

/// <summary>Submissions that are too large, of the wrong kind, or damaged in ten thousand ways: one typed refusal each.</summary>
public sealed class BodyTests(HostileService hostile) : IClassFixture<HostileService>
{
    private readonly LocalService _service = hostile.Service;

    private async Task Refused(int status, string body, params string[] headers)
    {
        var answer = await _service.Send("POST", "/api/runs", body, headers);
        Assert.True(answer.Status == status, $"{answer.Status} instead of {status}: {answer.Body}{Trouble()}");
        AddressTests.Refused(answer, body[..Math.Min(body.Length, 200)]);
    }

    private string Trouble() =>
        string.Join("\n", _service.Log.Text.Split('\n').SkipWhile(l => !l.StartsWith("Error ")).Take(12));

    private static string Body(Action<JsonObject> change)
    {
        var body = new JsonObject { ["recipe"] = LocalService.Named("good") };
        change(body);
        return body.ToJsonString();
    }

    [Fact]
    public async Task What_is_too_large_is_refused_before_it_is_read()
    {
        var big = new string(' ', (2 << 20) + 1);
        await Refused(413, big);
        await Refused(413, "x", "Content-Length: 9000000000000");
        // In chunks, whose sum nobody announces.
        var chunks = string.Concat(Enumerable.Repeat($"10000\r\n{new string(' ', 0x10000)}\r\n", 40)) + "0\r\n\r\n";
        await Refused(413, chunks, "Transfer-Encoding: chunked", "Content-Length: -");
        await Refused(400, Body(b => b["recipe"] = new string('x', (1 << 20) + 1)));
        await Refused(
            400,
            Body(b => b["settings"] = new JsonArray([.. Enumerable.Range(0, 1001).Select(_ => (JsonNode)"a=1")]))
        );
        Assert.Equal(414, (await _service.Send("GET", "/api/runs?search=" + new string('a', 20_000))).Status);
        Assert.Equal(431, (await _service.Send("GET", "/api/runs", "", "X-Long: " + new string('a', 40_000))).Status);
        string[] many = [.. Enumerable.Range(0, 200).Select(i => $"X-{i}: 1")];
        Assert.Equal(431, (await _service.Send("GET", "/api/runs", "", many)).Status);
    }

    [Fact]
    public async Task What_is_no_json_or_not_said_to_be_is_refused()
    {
        var good = Body(_ => { });
        await Refused(415, good, "Content-Type: text/plain");
        await Refused(415, good, "Content-Type: application/x-www-form-urlencoded");
        await Refused(415, good, "Content-Type: multipart/form-data; boundary=x");
        await Refused(415, good, "Content-Type: -");
        await Refused(415, good, "Content-Type: application/json; charset=utf-7");
        await Refused(415, good, "Content-Type: application/json; charset=\"nonsense\"");
        await Refused(400, "\u001f\u008b\u0008", "Content-Encoding: gzip");
        foreach (
            var body in (string[])
                ["null", "1", "\"text\"", "[]", "{", "{}", "\u00ff\u00fe", "{\"recipe\":\u00ff}", "\0"]
        )
            await Refused(400, body);
        await Refused(400, string.Concat(Enumerable.Repeat("[", 100_000)));
        await Refused(400, "{\"recipe\":" + string.Concat(Enumerable.Repeat("{\"a\":", 50_000)));
    }

    [Theory]
    [InlineData("priority", "1001", 400)]
    [InlineData("priority", "1.5", 400)]
    [InlineData("priority", "\"1\"", 400)]
    [InlineData("timeLimitSeconds", "-1", 400)]
    [InlineData("timeLimitSeconds", "\"NaN\"", 400)]
    [InlineData("timeLimitSeconds", "\"Infinity\"", 400)]
    [InlineData("timeLimitSeconds", "1e400", 400)]
    [InlineData("maxStepsPerStage", "-1", 400)]
    [InlineData("maxStepsPerStage", "9223372036854775808", 400)]
    [InlineData("recipeFolder", "\"a\\u0000b\"", 400)]
    [InlineData("recipeFolder", "\"\\ud800\"", 400)]
    [InlineData("recipeFolder", "7", 400)]
    [InlineData("settings", "\"a=1\"", 400)]
    [InlineData("settings", "[1]", 400)]
    [InlineData("settings", "[null]", 400)]
    [InlineData("settings", "[\"\"]", 422)]
    [InlineData("settings", "[\"training.epochs=many\"]", 422)]
    [InlineData("settings", "[\"a\\u0000=1\"]", 422)]
    [InlineData("settings", "[\"training.epochs=\\ud800\"]", 400)]
    [InlineData("settings", "[\"name.first=x\"]", 422)]
    [InlineData("recipeFoldr", "\"/\"", 400)]
    [InlineData("Priorities", "1", 400)]
    [InlineData("\\u001b[2J", "1", 400)]
    [InlineData("recipe", "null", 422)]
    [InlineData("recipe", "\"\"", 400)]
    [InlineData("recipe", "\"\\ud800\"", 400)]
    [InlineData("recipe", "{\"name\":\"x\",\"name\":\"y\"}", 422)]
    public async Task Values_beside_the_recipe_are_held_to_their_bounds(string name, string value, int status)
    {
        var body = Body(b =>
        {
            b.Remove(name);
            if (name == "recipe")
                b["priority"] = 0;
        });
        await Refused(status, $"{body[..^1]},\"{name}\":{value}}}");
    }

    [Fact]
    public async Task A_key_that_nothing_reads_is_named()
    {
        var answer = await _service.Send("POST", "/api/runs", Body(b => b["recipeFoldr"] = "/"));
        Assert.Contains("recipeFoldr", answer.Body);
    }

    // Each of these has ended the service, or kept a processor busy long after its client had gone.
    [Theory]
    [InlineData("dataset.options.", "a.", 20_000, "a=1")]
    [InlineData("seeds", "[0]", 20_000, "=1")]
    [InlineData("name.", "a.", 200_000, "a=1")]
    [InlineData("models=", "{\"a\":", 30_000, "")]
    [InlineData("seeds=", "[", 500_000, "")]
    [InlineData("", "a__", 300_000, "")]
    public async Task Settings_are_bounded_in_depth_and_length(string start, string middle, int count, string end)
    {
        var setting = start + string.Concat(Enumerable.Repeat(middle, count)) + end;
        var watch = System.Diagnostics.Stopwatch.StartNew();
        await Refused(422, Body(b => b["settings"] = new JsonArray(setting)));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"{watch.Elapsed}");
        Assert.Equal(200, (await _service.Send("GET", "/health/live")).Status);
    }

    [Fact]
    public async Task A_damaged_submission_is_taken_or_refused_and_never_a_trouble_of_the_service()
    {
        var isFull = Environment.GetEnvironmentVariable("KD_TESTS_FULL") == "1";
        var (random, taken, refused) = (new Random(4), 0, 0);
        var limit = TimeSpan.FromSeconds(isFull ? 120 : 5);
        var whole = Body(b =>
        {
            (b["priority"], b["timeLimitSeconds"], b["maxStepsPerStage"]) = (1, 60, 2);
            (b["settings"], b["recipeFolder"]) = (new JsonArray("training.epochs=1"), "");
        });
        for (var end = System.Diagnostics.Stopwatch.StartNew(); end.Elapsed < limit && taken + refused < 10_000; )
        {
            var body = JsonDamage.Damage(whole, random);
            var answer = await _service.Send("POST", "/api/runs", body);
            if (answer.Status == 201)
                taken++;
            else
            {
                AddressTests.Refused(answer, answer.Status < 500 ? body : body + Trouble());
                refused++;
            }
        }
        // The damage is of use only if it goes both ways.
        Assert.True(taken > 0 && refused > 20, $"{taken} taken, {refused} refused");
        Assert.DoesNotContain("unhandled exception", _service.Log.Text);
        Assert.Equal(200, (await _service.Send("GET", "/health/ready")).Status);
    }
}
