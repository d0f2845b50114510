using System.Xml.Linq;
using KdPlugins.Host.Reports;
using KdPlugins.Host.Tests.Commands;

namespace KdPlugins.Host.Tests.Reports;

/// <summary>A run's page from a run's folder, whatever state that is in.</summary>
public sealed class RunReportTests : IDisposable
{
    private readonly RunFolderKit _kit = new();

    public void Dispose() => _kit.Dispose();

    private static string[] Texts(XElement page, string element) => [.. page.Descendants(element).Select(e => e.Value)];

    private static string[] Rows(XElement page, string style) =>
        [
            .. page.Descendants("table")
                .Single(t => t.Attribute("class")?.Value == style)
                .Descendants("tr")
                .Select(r => string.Join(" | ", r.Elements().Select(c => c.Value))),
        ];

    [Fact]
    public void A_complete_run_has_every_section_and_its_numbers()
    {
        _kit.Complete();
        var page = _kit.Page();
        Assert.Equal(
            ["Result", "Course of the training", "Training images", "Confusions", "Timing", "Provenance"],
            Texts(page, "h2")
        );
        Assert.Equal(
            [
                " | test accuracy, last | test accuracy, best on validation | best epoch | parameters | file size",
                "teacher | 90.00 % | 91.00 % | 2 | 1,000 | ",
                "student alone | 60.00 % | 70.00 % | last | 100 | ",
                "student, distilled | 75.00 % | 80.00 % | last | 100 | 2.0 KiB",
            ],
            Rows(page, "facts headline")
        );
        Assert.Contains(
            "Student, distilled: 80.00 %, 10.00 points above the same student alone and 11.00 points below its teacher.",
            Texts(page, "p")
        );
        Assert.Equal(
            [
                " | cat | dog | owl | right",
                "cat | 5 | 1 | 0 | 83.33 %",
                "dog | 2 | 3 | 0 | 60.00 %",
                "owl | 0 | 0 | 0 | ",
            ],
            Rows(page, "confusion")
        );
        var text = page.Value;
        foreach (var part in (string[])["256.0", "1.23 %", "100.0 MiB", "1.2.3", "ss", "dd", "2026-01-02 03:04:05 UTC"])
            Assert.Contains(part, text);
        Assert.Equal(["Loss terms", "Evaluation: accuracy", "Learning rate"], Texts(page, "strong")[^3..]);
        Assert.Contains("1 values are not finite and are left out.", text);
    }

    [Fact]
    public void Samples_carry_their_classes_before_and_after_mixing()
    {
        _kit.Complete();
        var images = _kit.Page().Descendants("section").Single(s => s.Attribute("id")!.Value == "samples");
        Assert.Equal(
            [
                "Training image 1, as they are: cat",
                "Training image 2, as they are: owl",
                "Training image 1, seen by student *: cat 0.75, dog 0.25",
                "Training image 2, seen by student *: owl",
            ],
            images.Descendants("img").Select(i => i.Attribute("alt")!.Value)
        );
        Assert.Contains("Views marked with a star", images.Value);
    }

    [Fact]
    public void Hostile_names_are_text_and_nothing_else()
    {
        _kit.Complete(RunFolderKit.Hostile);
        var shown = RunFolderKit.Hostile.Replace('\u0000', '\uFFFD').Replace('\u001b', '\uFFFD');
        Assert.Contains(shown, Texts(_kit.Page(), "th"));
    }

    [Fact]
    public void Damaged_files_are_left_out_and_named()
    {
        _kit.Complete();
        _kit.Write("run/samples.safetensors", "no tensors");
        _kit.Write("run/provenance.json", "[1]");
        _kit.Write("run/origin.json", "{");
        var events = File.ReadAllText(_kit.At("run/events.jsonl"));
        _kit.Write("run/events.jsonl", "{ \"kind\": 3 }\n\u0000garbage\n" + events + "{\"torn");
        var page = _kit.Page();
        var history = page.Descendants("section").Single(s => s.Attribute("id")!.Value == "history").Value;
        foreach (
            var name in (string[])["samples.safetensors", "provenance.json", "origin.json", "events.jsonl: 2 lines"]
        )
            Assert.Contains(name, history);
        Assert.Contains("Loss terms", Texts(page, "strong"));
        Assert.Contains("There are no sample images", page.Value);
    }

    // Two pixels of three bytes; what is none of that, or has another size, has no picture.
    [Theory]
    [InlineData(2, "AAAAAAAA", "AQIDBAUG", 2)]
    [InlineData(2, "AAAA", "AQIDBAUG", 1)]
    [InlineData(2, "no base64!", "AQIDBAUG", 1)]
    [InlineData(0, "AAAAAAAA", "AQIDBAUG", 0)]
    [InlineData(1000000000, "AAAAAAAA", "AQIDBAUG", 0)]
    public void Pictures_of_a_meter_stand_in_rows(int width, string first, string second, int shown)
    {
        _kit.Complete();
        var drawing = $$"""
            "drawings": [ { "kind": "pictures", "name": "overlays", "title": "Labels and answers", "columns": [ "image", "answer" ],
                            "width": {{width}}, "height": 1, "rows": [ [ "{{first}}", "{{second}}" ], 3 ] } ],
            """;
        var report = File.ReadAllText(_kit.At("run/report.json"));
        _kit.Write("run/report.json", report.Replace("\"sha256\": \"ss\",", $"\"sha256\": \"ss\", {drawing}"));
        var images = _kit.Page().Descendants("img").Select(i => i.Attribute("alt")!.Value).ToList();
        Assert.Equal(shown, images.Count(alt => alt.StartsWith("Sample 1, ", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData(
        """{ "result": 3, "student": { "test_accuracy": { "last": "NaN", "best": null } }, "plugins": 7, "hashes": [] }"""
    )]
    [InlineData(
        """{ "student": { "test_accuracy": { "last": 1, "best": 1 }, "confusion": [[1, 2], [3]] }, "seconds": "x" }"""
    )]
    [InlineData(
        """{ "student": { "test_accuracy": 4, "confusion": [[-1]] }, "data": { "class_names": [1, null, {}] } }"""
    )]
    public void A_damaged_report_still_makes_a_page(string report)
    {
        _kit.Complete();
        _kit.Write("run/report.json", report);
        Assert.Contains("Loss terms", Texts(_kit.Page(), "strong"));
    }

    [Fact]
    public void A_run_that_has_not_begun_and_one_that_failed_say_so()
    {
        _kit.Write("run/recipe.json", """{ "name": "young" }""");
        var page = _kit.Page();
        Assert.Equal("young", page.Descendants("h1").Single().Value);
        Assert.Contains("The run has recorded no numbers yet.", page.Value);
        _kit.Write(
            "run/status.json",
            """{ "state": "failed", "exitCode": 5, "message": "KDP0701 <b>", "updated": "2026-01-02T03:04:05+00:00", "processId": 1, "host": "h" }"""
        );
        Assert.Contains("The run failed.KDP0701 <b>", _kit.Page().Value);
    }

    [Fact]
    public void Several_seeds_have_a_page_above_their_own()
    {
        _kit.Complete();
        Directory.Move(_kit.At("run"), _kit.At("seed-2"));
        _kit.Complete();
        Directory.CreateDirectory(_kit.At("all"));
        Directory.Move(_kit.At("run"), _kit.At("all/seed-1"));
        Directory.Move(_kit.At("seed-2"), _kit.At("all/seed-2"));
        _kit.Write("all/recipe.json", """{ "name": "demo" }""");
        _kit.Write(
            "all/report.json",
            """
            { "name": "demo", "seeds": [1, 2], "result": "student",
              "student": { "test_accuracy": { "last": 0.75, "best": 0.8, "mean": 0.75, "std": 0.01, "best_std": 0.02 } } }
            """
        );
        var page = _kit.Page("all");
        Assert.Contains("student | 75.00 % ± 1.00 % | 80.00 % ± 2.00 % | last |  | ", Rows(page, "facts headline"));
        Assert.Equal(
            ["seed-1/report.html", "seed-2/report.html"],
            page.Descendants("li").Elements("a").Attributes("href").Select(a => a.Value).Where(a => a[0] != '#')
        );
        Assert.True(File.Exists(_kit.At("all/seed-2/report.html")));
        Assert.Contains("mean over seeds and each seed", page.Value);
    }

    [Fact]
    public void A_page_that_cannot_be_written_is_a_warning()
    {
        _kit.Complete();
        Directory.CreateDirectory(_kit.At("run/report.html"));
        List<string> warnings = [];
        Assert.Null(RunReport.TryWrite(_kit.At("run"), warnings.Add));
        Assert.Contains("report.html", Assert.Single(warnings));
    }

    [Fact]
    public void The_command_makes_the_page_anew_and_refuses_what_is_no_run()
    {
        _kit.Complete();
        var other = _kit.At("other.html");
        var line = Assert.Single(Kd.Call("report", _kit.At("run"), "--out", other, "--json").Lines);
        Assert.Equal(other, line["page"]!.GetValue<string>());
        Assert.True(File.Exists(other));
        Assert.StartsWith("KDP0600 ", Kd.Call("report", _kit.At("none")).Error);
    }
}
