using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using KdPlugins.Host.Reports;
using KdPlugins.Torch.Weights;
using TorchSharp;

namespace KdPlugins.Host.Tests.Reports;

/// <summary>Folders of runs, written by hand.</summary>
public sealed class RunFolderKit : IDisposable
{
    internal const string Hostile = "</style><script>alert(1)</script>\"'&\u0000\u001b é 猫";

    private readonly string _root = Directory.CreateTempSubdirectory("kd-report-").FullName;

    internal string At(string name) => Path.Combine(_root, name);

    internal void Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(name))!);
        File.WriteAllText(At(name), text);
    }

    internal void Save(string name, Dictionary<string, torch.Tensor> tensors, params (string, string)[] metadata)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(name))!);
        WeightTensors.Save(tensors, At(name), metadata.ToDictionary(m => m.Item1, m => m.Item2));
    }

    /// <summary>A complete run of three classes with a stage, in the folder "run".</summary>
    internal void Complete(string className = "cat")
    {
        var name = System.Text.Json.JsonSerializer.Serialize(className);
        const string recipe = """{ "name": "demo" }""";
        Write("run/recipe.json", recipe);
        Write(
            "run/status.json",
            """{ "state": "done", "exitCode": 0, "message": "", "updated": "2026-01-02T03:04:05+00:00", "processId": 1, "host": "h" }"""
        );
        Write(
            "run/report.json",
            $$"""
            { "format": "1.0", "name": "demo", "method": "offline", "seed": 1, "result": "student",
              "data": { "classes": 3, "class_names": [{{name}}, "dog", "owl"], "samples": { "train": 90 } },
              "plugins": [ { "kind": "loss", "id": "kd", "version": "1.2.3", "assembly": "A", "sha256": "ab" } ],
              "hashes": { "recipe": "{{Sha(
                recipe
            )}}", "plugins": { "loss/kd": "ab" }, "networks": {}, "data": { "dataset": "dd" } },
              "teacher": { "test_accuracy": { "last": 0.9, "best": 0.91 }, "parameters": 1000, "sha256": "tt", "best_epoch": 2 },
              "baseline": { "test_accuracy": { "last": 0.6, "best": 0.7 }, "parameters": 100, "sha256": "bb" },
              "student": { "test_accuracy": { "last": 0.75, "best": 0.8 }, "parameters": 100, "sha256": "ss", "bytes": 2048,
                           "confusion": [[5, 1, 0], [2, 3, 0], [0, 0, 0]] },
              "steps": 20, "samples": 640, "seconds": 2.5, "images_per_second": 256, "data_wait_fraction": 0.0123,
              "peak_memory_bytes": 104857600, "finished": "2026-01-02T03:04:05+00:00" }
            """
        );
        Write(
            "run/events.jsonl",
            string.Concat(
                Enumerable
                    .Range(1, 20)
                    .Select(step =>
                        $$"""
                            {"time":"2026-01-02T03:04:05+00:00","kind":"step","stage":"distil","step":{{step}},"values":{"loss":{{20.0
                                / step}},"kd":{{(step == 7 ? "\"NaN\"" : "0.5")}},"lr.student":0.1} }

                            """
                    )
            )
                + """{"time":"2026-01-02T03:04:05+00:00","kind":"evaluation","stage":"distil","step":20,"values":{"student.validation.accuracy":0.75} }"""
                + "\n"
        );
        var images = torch.arange(2 * 3 * 4 * 4, dtype: torch.ScalarType.Byte).view(2, 3, 4, 4);
        Save(
            "run/samples.safetensors",
            new()
            {
                ["raw"] = images,
                ["labels"] = torch.tensor(new long[] { 0, 2 }),
                ["view/student"] = torch.full([2, 3, 4, 4], float.NaN),
                ["target/student"] = torch.tensor(new[] { 0.75f, 0.25f, 0, 0, 0, 1 }).view(2, 3),
            },
            ("range/student", "stretched")
        );
    }

    /// <summary>The page of a folder, checked for what every page has to be.</summary>
    internal XElement Page(string run = "run")
    {
        var path = RunReport.Write(At(run));
        var text = File.ReadAllText(path);
        Assert.StartsWith("<!DOCTYPE html>\n<html", text);
        var page = XElement.Parse(text["<!DOCTYPE html>".Length..]);
        Assert.DoesNotContain(page.Descendants(), e => e.Name.LocalName is "script" or "link" or "iframe" or "object");
        Assert.DoesNotContain(
            page.Descendants().Attributes(),
            a => a.Name.LocalName.StartsWith("on", StringComparison.Ordinal)
        );
        foreach (var address in page.Descendants().Attributes().Where(a => a.Name.LocalName is "src" or "href"))
            Assert.Matches("^(data:image/png;base64,|#|seed-[0-9]+/report.html$)", address.Value);
        var style = page.Descendants("style").Single().Value;
        Assert.DoesNotMatch(new Regex("url\\(|@import"), style);
        Assert.DoesNotMatch(new Regex("[<>&]"), style);
        Assert.All(page.Descendants("img"), i => Assert.NotEqual("", i.Attribute("alt")!.Value));
        Assert.All(
            page.Descendants("svg"),
            s => Assert.True(s.Attribute("aria-hidden") is not null || s.Attribute("aria-label")!.Value.Length > 10)
        );
        Assert.All(page.Descendants("table"), t => Assert.NotEmpty(t.Descendants("th").Attributes("scope")));
        Assert.DoesNotContain("NaN", string.Concat(page.Descendants("path").Attributes("d").Select(d => d.Value)));
        return page;
    }

    internal static string Sha(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
