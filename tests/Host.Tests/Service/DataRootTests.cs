using System.Text.Json.Nodes;
using KdPlugins.Host.Service;
using KdPlugins.Host.Service.Hosting;
using KdPlugins.Host.Tests.Commands;
using KdPlugins.Torch;

namespace KdPlugins.Host.Tests.Service;

/// <summary>What relative paths of submitted recipes mean, and what may be read by them.</summary>
public sealed class DataRootTests : IDisposable
{
    private readonly Kd _kd = new();

    public DataRootTests()
    {
        foreach (var folder in (string[])["recipes/data", "roots/data", "secret", "data/inbox"])
            Directory.CreateDirectory(_kd.At(folder));
        File.CreateSymbolicLink(_kd.At("roots/link"), _kd.At("secret"));
    }

    public void Dispose() => _kd.Dispose();

    // Paths in every place that has one: data set, source, weights, also where a setting puts them.
    public static TheoryData<string> Places => new() { "dataset", "sources", "several", "weights", "section" };

    private static JsonObject With(string place, string path)
    {
        var recipe = LocalService.Named("good");
        var set = new JsonObject
        {
            ["id"] = "image-folder",
            ["options"] = new JsonObject { ["path"] = path },
        };
        if (place == "dataset")
            recipe["dataset"] = set;
        else if (place == "sources")
            recipe["sources"] = new JsonObject { ["more"] = set };
        else if (place == "several")
            recipe["dataset"] = new JsonObject
            {
                ["id"] = "image-folder",
                ["options"] = new JsonObject { ["path"] = new JsonArray(path, path) },
            };
        else if (place == "section")
            recipe["models"]!["teacher"]!["weights"] = new JsonObject { ["path"] = path, ["prefix"] = "module." };
        else
            recipe["models"]!["teacher"]!["weights"] = path;
        return recipe;
    }

    private static string Key(string place) =>
        place switch
        {
            "dataset" => "dataset.options.path",
            "sources" => "sources.more.options.path",
            "several" => "dataset.options.path[0]",
            _ => "models.teacher.weights",
        };

    private static Task<RawAnswer> Submit(LocalService service, JsonObject recipe, string? folder = null) =>
        service.Send(
            "POST",
            "/api/runs",
            new JsonObject { ["recipe"] = recipe, ["recipeFolder"] = folder }.ToJsonString()
        );

    [Theory]
    [MemberData(nameof(Places))]
    public async Task Over_plain_HTTP_a_relative_path_needs_a_root(string place)
    {
        await using var service = await LocalService.Start(_kd);

        var refused = await Submit(service, With(place, "data"));
        Assert.Equal((422, "KDP0914"), (refused.Status, refused.Code));
        Assert.Contains($"{Key(place)}: 'data' is relative", (string)JsonNode.Parse(refused.Body)!["message"]!);

        // A service of this machine's users reads what they name, as kd run does.
        Assert.Equal(201, (await Submit(service, With(place, "data"), _kd.At("recipes"))).Status);
        Assert.Equal(201, (await Submit(service, With(place, _kd.At("secret")))).Status);
        Assert.Equal(400, (await Submit(service, With(place, "data"), "/no/such/folder")).Status);
    }

    [Theory]
    [MemberData(nameof(Places))]
    public async Task Roots_hold_whatever_a_path_looks_like(string place)
    {
        await using var service = await LocalService.Start(_kd, o => o.DataRoots = [_kd.At("roots")]);

        foreach (
            var good in (string[])["data", _kd.At("roots/data"), "data/../data", _kd.At("data/runs"), "not-there-yet"]
        )
            Assert.Equal(201, (await Submit(service, With(place, good))).Status);
        string[] bad =
        [
            "..",
            "../secret",
            "/etc",
            "/",
            "link",
            "link/below",
            "data/../../secret",
            _kd.At("roots-beside"),
            _kd.At("secret"),
        ];
        foreach (var path in bad)
        {
            var refused = await Submit(service, With(place, path));
            Assert.True((refused.Status, refused.Code) == (422, "KDP0914"), $"{path}: {refused.Body}");
            Assert.Contains(Key(place), refused.Body);
        }
        Assert.Equal("KDP0914", (await Submit(service, With(place, "data"), _kd.At("secret"))).Code);
    }

    [Fact]
    public async Task A_setting_cannot_lead_out_either()
    {
        await using var service = await LocalService.Start(_kd, o => o.DataRoots = [_kd.At("roots")]);
        var body = new JsonObject
        {
            ["recipe"] = With("dataset", "data"),
            ["settings"] = new JsonArray("dataset.options.path=../secret"),
        };
        Assert.Equal("KDP0914", (await service.Send("POST", "/api/runs", body.ToJsonString())).Code);
    }

    [Fact]
    public async Task A_service_with_a_token_and_without_roots_reads_its_own_folder_only()
    {
        await using var service = await LocalService.Start(_kd, token: HostileService.Token);
        Assert.Equal("KDP0914", (await Submit(service, With("dataset", _kd.At("secret")))).Code);
        Assert.Equal("KDP0914", (await Submit(service, With("dataset", "data"), _kd.At("recipes"))).Code);
        Assert.Equal(201, (await Submit(service, With("dataset", _kd.At("data/runs")))).Status);
        // A recipe without any path goes, wherever it lay.
        Assert.Equal(201, (await Submit(service, LocalService.Named("good"), _kd.At("recipes"))).Status);
    }

    [Fact]
    public async Task The_worker_is_told_where_paths_start_and_what_bounds_them()
    {
        await using var service = await LocalService.Start(_kd, o => o.DataRoots = [_kd.At("roots")]);
        var answer = await Submit(service, With("dataset", "data"), _kd.At("roots"));
        var id = (string)JsonNode.Parse(answer.Body)!["id"]!;
        await service.WaitFor(id);
        var said = File.ReadAllText(service.Queue.Folder(id).LogPath);
        Assert.Contains($"--recipe-folder {_kd.At("roots")}", said);
        Assert.Contains($"--within {_kd.At("data")} --within {_kd.At("roots")}", said);
    }

    [Fact]
    public async Task A_file_in_the_inbox_names_what_lies_beside_it()
    {
        await using var service = await LocalService.Start(_kd);
        Directory.CreateDirectory(_kd.At("data/inbox/pictures"));
        File.WriteAllText(_kd.At("data/inbox/dropped.json"), With("dataset", "pictures").ToJsonString());
        await service.Until(() => service.Queue.List(null, null, null, 10).Total == 1);
        var job = service.Queue.List(null, null, null, 10).Items[0];
        Assert.Equal(_kd.At("data/inbox"), service.Queue.Folder(job.Id).Read()!.Value.Request.RecipeFolder);
    }

    [Fact]
    public async Task What_is_submitted_again_is_looked_at_again()
    {
        string id;
        await using (var service = await LocalService.Start(_kd))
        {
            id = await service.Submit("good");
            await service.WaitFor(id);
            Assert.Equal(200, (await service.Send("POST", $"/api/runs/{id}/resubmit")).Status);
        }
        Directory.Delete(_kd.At("plugins/Losses"), recursive: true);
        await using (var service = await LocalService.Start(_kd))
        {
            var refused = await service.Send("POST", $"/api/runs/{id}/resubmit");
            Assert.Equal((422, "KDP0201"), (refused.Status, refused.Code));
        }
    }

    [Fact]
    public async Task Names_and_logs_are_shown_without_what_a_terminal_acts_on()
    {
        await using var service = await LocalService.Start(_kd);
        var id = await service.Submit("escapes");
        await service.WaitFor(id);

        var logs = Kd.Call("logs", id, "--url", service.Http.BaseAddress!.ToString());
        Assert.Contains("?[2J?]0;owned? shown", logs.Output);
        Assert.DoesNotContain('\u001b', logs.Output);
        Assert.Contains(
            "\\u001B[2J",
            Kd.Call("logs", id, "--json", "--url", service.Http.BaseAddress!.ToString()).Output
        );

        var file = Kd.Call("run", _kd.At("no\u001b[2J\u0007file.json"), "--plugins", Kd.Plugins);
        Assert.DoesNotContain('\u001b', file.Error);
        Assert.Contains("no?[2J?file.json", file.Error);
        File.WriteAllText(_kd.At("data/inbox/\u001b[2J.json"), "{");
        await service.Until(() => service.Log.Text.Contains("was refused"));
        Assert.DoesNotContain('\u001b', service.Log.Text);
    }

    [Fact]
    public async Task What_the_service_refuses_is_told_with_its_own_code_once()
    {
        await using var service = await LocalService.Start(_kd, o => o.DataRoots = [_kd.At("roots")]);
        var recipe = _kd.Write("recipes/r.json", With("dataset", "data").ToJsonString());
        var refused = Kd.Call("submit", recipe, "--url", service.Http.BaseAddress!.ToString());
        Assert.StartsWith("KDP0914 dataset.options.path", refused.Error);
        Assert.Equal(2, refused.Error.Split("KDP").Length);
        Assert.Equal(2, refused.ExitCode);
    }

    [Fact]
    public void A_folder_that_cannot_be_written_is_not_in_use()
    {
        File.WriteAllText(_kd.At("file"), "");
        Directory.CreateDirectory(_kd.At("odd/service.lock"));
        foreach (var data in (string[])[_kd.At("file"), _kd.At("odd"), "/proc/1/none"])
            Assert.Equal(ServiceErrors.DataUnusable, Assert.Throws<KdException>(() => DataLock.Take(data)).Code);
        File.WriteAllText(_kd.At("recipes/service.lock"), "\u001b[2J garbage {");
        using var held = DataLock.Take(_kd.At("recipes"));
        Assert.Equal(ServiceErrors.DataInUse, Assert.Throws<KdException>(() => DataLock.Take(_kd.At("recipes"))).Code);
    }
}
