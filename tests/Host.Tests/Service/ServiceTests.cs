using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using KdPlugins.Host.Tests.Commands;

namespace KdPlugins.Host.Tests.Service;

/// <summary>The service as operators meet it: real processes, real runs, faults between them.</summary>
public sealed class ServiceTests : IDisposable
{
    private readonly Kd _kd = new();
    private readonly string _data;

    public ServiceTests() => _data = _kd.At("data");

    public void Dispose() => _kd.Dispose();

    private ServiceProcess Start(params string[] more) => new(_data, Kd.Plugins, more);

    // Long enough to be met in the middle; a checkpoint at every step.
    private string Submit(ServiceProcess service, int epochs = 2, string recipe = "") =>
        service.Submit(
            recipe.Length > 0 ? recipe : _kd.TinyRecipe(),
            $"training.epochs={epochs}",
            "checkpoints.everySteps=1"
        );

    private string Student(string id) => ServiceProcess.Student(_data, id);

    [SkippableFact]
    public void A_run_is_queued_carried_out_and_followed_and_killed_workers_change_nothing()
    {
        using var service = Start();
        var whole = Submit(service);
        service.WaitFor(whole, "Done");
        Assert.Contains("\"event\":\"done\"", Kd.Call("logs", whole, "-f", "--url", service.Url).Output);
        Assert.Contains(whole, Kd.Call("queue", "--url", service.Url).Output);
        Assert.NotEmpty(
            service.Http.GetFromJsonAsync<JsonArray>($"/api/runs/{whole}/curves").GetAwaiter().GetResult()!
        );

        var killed = Submit(service);
        for (var kills = 0; kills < 3 && service.WaitFor(killed, "Running", "Done") == "Running"; kills++)
        {
            Thread.Sleep(900 + 300 * kills);
            ServiceProcess.WorkerOf(_data, killed)?.Kill();
        }
        service.WaitFor(killed, "Done");
        Assert.Equal(Student(whole), Student(killed));
    }

    [SkippableFact]
    public void A_service_that_is_killed_or_stopped_goes_on_with_its_runs_when_it_is_back()
    {
        string[] ids;
        using (var service = Start())
        {
            ids = [Submit(service, 4), Submit(service, 4)];
            service.WaitFor(ids[0], "Running");
            Thread.Sleep(1500);
            service.Kill();
        }
        using (var service = Start())
        {
            service.WaitFor(ids[0], "Running", "Done");
            Assert.Equal(0, service.Terminate());
        }
        using (var service = Start())
        {
            foreach (var id in ids)
                service.WaitFor(id, "Done");
            Assert.Equal(Student(ids[0]), Student(ids[1]));
            Assert.Equal(2, (int)service.Get("/api/counts")["Done"]!);
        }
    }

    [SkippableFact]
    public void What_kd_run_accepts_submit_and_inbox_accept_with_the_same_meaning()
    {
        using var service = Start();
        var first = Submit(service, 1);
        service.WaitFor(first, "Done");
        var recipe = JsonNode.Parse(Kd.Recipe)!.AsObject();
        recipe["name"] = "relative";
        recipe["prepare"] = new JsonArray();
        recipe["training"]!["epochs"] = 1;
        recipe["models"]!["teacher"]!["weights"] = "weights/teacher.safetensors";
        void Put(string folder)
        {
            Directory.CreateDirectory(Path.Combine(folder, "weights"));
            var teacher = Path.Combine(_data, "runs", first, "run", "teacher.safetensors");
            File.Copy(teacher, Path.Combine(folder, "weights", "teacher.safetensors"));
            File.WriteAllText(Path.Combine(folder, "relative.json"), recipe.ToJsonString());
        }
        Put(_kd.At("mine"));
        Put(Path.Combine(_data, "inbox"));

        var submitted = service.Submit(_kd.At("mine/relative.json"));
        service.Until(() => (int)service.Get("/api/runs")["total"]! == 3);
        var dropped = service.Get("/api/runs")["items"]!
            .AsArray()
            .Select(j => (string)j!["id"]!)
            .Single(id => id != first && id != submitted);

        Assert.Equal("Done", service.WaitFor(submitted, "Done", "Failed"));
        Assert.Equal("Done", service.WaitFor(dropped, "Done", "Failed"));
        Assert.Equal(Student(submitted), Student(dropped));
        // Two runs of a service are told apart by their jobs.
        string Run(string id) => Path.Combine(_data, "runs", id, "run");
        var compared = Kd.Call("compare", Run(submitted), Path.Combine(Run(dropped), "report.json")).Output;
        Assert.Contains(submitted, compared);
        Assert.Contains(dropped, compared);
    }

    [SkippableFact]
    public void Runs_are_cancelled_limited_and_taken_from_the_inbox()
    {
        using var service = Start();
        var cancelled = Submit(service, 4000);
        service.WaitFor(cancelled, "Running");
        Assert.Equal(0, Kd.Call("cancel", cancelled, "--url", service.Url).ExitCode);
        service.WaitFor(cancelled, "Cancelled");

        using var limited = Post(
            service,
            new
            {
                recipe = File.ReadAllText(_kd.TinyRecipe()),
                settings = (string[])["training.epochs=4000"],
                timeLimitSeconds = 2,
            }
        );
        Assert.Equal(HttpStatusCode.Created, limited.StatusCode);
        service.WaitFor(limited.Headers.Location!.ToString().Split('/')[^1], "Failed");

        File.Copy(_kd.TinyRecipe(), Path.Combine(_data, "inbox", "dropped.json"));
        File.WriteAllText(Path.Combine(_data, "inbox", "wrong.json"), "{ \"name\": \"x\" ");
        for (var end = Stopwatch.StartNew(); end.Elapsed < TimeSpan.FromSeconds(30); Thread.Sleep(100))
            if (Directory.GetFiles(Path.Combine(_data, "inbox", "refused"), "*.txt").Length == 1)
                break;
        Assert.Single(Directory.GetFiles(Path.Combine(_data, "inbox", "refused"), "wrong.*.txt"));
        var taken = Assert.Single(Directory.GetFiles(Path.Combine(_data, "inbox", "taken"), "dropped.*.json"));
        service.WaitFor(Path.GetFileName(taken).Split('.')[1], "Done");
    }

    [SkippableFact]
    public void Strangers_wrong_recipes_and_wild_requests_are_refused()
    {
        var token = _kd.Write("token", "0123456789abcdef-secret");
        using var service = Start("--token-file", token);
        HttpStatusCode Ask(Action<HttpRequestMessage> change, HttpMethod? method = null, string path = "/api/runs")
        {
            using var request = new HttpRequestMessage(method ?? HttpMethod.Get, path);
            request.Headers.Authorization = new("Bearer", "0123456789abcdef-secret");
            change(request);
            return service.Http.SendAsync(request).GetAwaiter().GetResult().StatusCode;
        }
        void Body(HttpRequestMessage r, string text) =>
            r.Content = new StringContent(text, Encoding.UTF8, "application/json");

        Assert.Equal(HttpStatusCode.OK, Ask(_ => { }));
        Assert.Equal(HttpStatusCode.Unauthorized, Ask(r => r.Headers.Authorization = null));
        Assert.Equal(
            HttpStatusCode.Unauthorized,
            Ask(r => r.Headers.Authorization = new("Bearer", "0123456789abcdef-secreT"))
        );
        Assert.Equal(HttpStatusCode.MisdirectedRequest, Ask(r => r.Headers.Host = "evil.example"));
        Assert.Equal(
            HttpStatusCode.Forbidden,
            Ask(r => r.Headers.Add("Origin", "http://evil.example"), HttpMethod.Post)
        );
        Assert.Equal(HttpStatusCode.Forbidden, Ask(r => r.Headers.Add("Sec-Fetch-Site", "cross-site")));
        Assert.Equal(HttpStatusCode.NotFound, Ask(_ => { }, path: "/api/runs/..%2f..%2fetc"));
        Assert.Equal(HttpStatusCode.BadRequest, Ask(r => Body(r, "{ not json"), HttpMethod.Post)); // KDP0907
        Assert.Equal(HttpStatusCode.BadRequest, Ask(r => Body(r, "[1,2]"), HttpMethod.Post));
        Assert.Equal(
            HttpStatusCode.UnprocessableEntity,
            Ask(r => Body(r, "{\"recipe\":{\"nmae\":1}}"), HttpMethod.Post)
        );
        Assert.Equal(
            HttpStatusCode.RequestEntityTooLarge,
            Ask(r => Body(r, new string(' ', 3 << 20)), HttpMethod.Post)
        );
        Assert.Equal(HttpStatusCode.OK, Ask(_ => { }, path: "/metrics"));
        Assert.Equal(HttpStatusCode.OK, Ask(_ => { }, path: "/openapi/v1.json"));
        Assert.Equal(HttpStatusCode.OK, Ask(_ => { }, path: "/api/plugins"));
        Assert.Equal(HttpStatusCode.OK, Ask(_ => { }, path: "/api/schema"));
        Assert.DoesNotContain("0123456789abcdef", service.Said);
    }

    [SkippableFact]
    public void A_second_service_a_stray_address_and_no_service_are_told()
    {
        using (var service = Start())
        {
            var second = Kd.Call("serve", "--data", _data, "--urls", "http://127.0.0.1:0", "--plugins", Kd.Plugins);
            Assert.Contains("KDP0900", second.Error);
        }
        var open = Kd.Call("serve", "--data", _kd.At("other"), "--urls", "http://0.0.0.0:0");
        Assert.Contains("KDP0902", open.Error);
        Assert.False(Directory.Exists(_kd.At("other")));
        var wrong = Kd.Call("serve", "--data", _kd.At("other"), "--urls", "nonsense");
        Assert.Contains("KDP0901", wrong.Error);
        var none = Kd.Call("queue", "--url", "http://127.0.0.1:1");
        Assert.Contains("KDP0906", none.Error);
    }

    [SkippableFact]
    public void Plugins_are_swapped_while_it_runs_and_a_bad_one_takes_nothing_away()
    {
        var plugins = _kd.At("plugins");
        Copy(Kd.Plugins, plugins);
        Directory.Delete(Path.Combine(plugins, "Augmentations"), recursive: true);
        using var service = new ServiceProcess(_data, plugins);
        string[] Ids() => [.. service.Get("/api/plugins")["plugins"]!.AsArray().Select(p => (string)p!["id"]!)];
        void Until(Func<bool> holds) => service.Until(holds);
        Assert.DoesNotContain("cutmix", Ids());
        Copy(Path.Combine(Kd.Plugins, "Augmentations"), Path.Combine(plugins, "Augmentations"));
        Until(() => Ids().Contains("cutmix"));

        // A half-copied assembly: the old version stays in use, and the reason is told.
        var path = Path.Combine(plugins, "Augmentations", "KdPlugins.Augmentations.dll");
        var whole = File.ReadAllBytes(path);
        File.WriteAllBytes(path, whole[..(whole.Length / 2)]);
        Until(() => service.Get("/api/plugins")["troubles"]!.AsArray().Count == 1);
        Assert.Contains("cutmix", Ids());
        File.WriteAllBytes(path, whole);
        Until(() => service.Get("/api/plugins")["troubles"]!.AsArray().Count == 0);
        Directory.Delete(Path.Combine(plugins, "Augmentations"), recursive: true);
        Until(() => !Ids().Contains("cutmix"));

        // The same as a package; half of one takes nothing away either.
        var package = Path.Combine(plugins, "aug.kdplugin");
        var packed = Kd.Call("plugins", "pack", Path.Combine(Kd.Plugins, "Augmentations"), "-o", package);
        Assert.True(packed.ExitCode == 0, packed.Error);
        Until(() => Ids().Contains("cutmix"));
        File.WriteAllBytes(package, File.ReadAllBytes(package)[..5000]);
        Until(() => service.Get("/api/plugins")["troubles"]!.AsArray().Count == 1);
        Assert.Contains("KDP0123", service.Get("/api/plugins")["troubles"]!.ToJsonString());
        Assert.Contains("cutmix", Ids());
        File.Delete(package);
        Until(() => !Ids().Contains("cutmix"));
        Assert.DoesNotContain("did not unload", service.Said);
    }

    [SkippableFact]
    public void A_locked_service_takes_what_is_approved_while_it_runs_and_workers_hold_to_it()
    {
        var plugins = _kd.CopyPlugins();
        Assert.Equal(0, Kd.Call("plugins", "lock", "--plugins", plugins).ExitCode);
        using var service = new ServiceProcess(_data, plugins, "--trust", "locked");
        Copy(Path.Combine(Kd.Plugins, "Augmentations"), Path.Combine(plugins, "Augmentations"));
        string? Augmentations() =>
            (string?)
                service.Get("/api/plugins")["plugins"]!
                    .AsArray()
                    .FirstOrDefault(p => (string?)p!["id"] == "cutmix")
                    ?["state"];
        service.Until(() => service.Get("/api/plugins")["troubles"]!.AsArray().Count == 1);
        Assert.Contains("KDP0111", service.Get("/api/plugins")["troubles"]!.ToJsonString());
        service.Until(() => Augmentations() == "refused");
        Assert.Equal(0, Kd.Call("plugins", "lock", "Augmentations", "--plugins", plugins).ExitCode);
        service.Until(() => Augmentations() == "active");
        service.WaitFor(Submit(service), "Done");
    }

    private static HttpResponseMessage Post(ServiceProcess service, object body) =>
        service.Http.PostAsJsonAsync("/api/runs", body).GetAwaiter().GetResult();

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
