using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Host.Tests.Commands;

/// <summary>Many cases in one process.</summary>
[Collection("commands")]
public sealed class ProbeBatchTests : IDisposable
{
    private readonly Kd _kd = new();
    private readonly DisposeScope _scope;
    private readonly string _input;

    public ProbeBatchTests()
    {
        Torch.NativeRuntime.Start();
        _scope = NewDisposeScope();
        var tensors = new Dictionary<string, Tensor>
        {
            ["student.logits"] = tensor(
                new[,]
                {
                    { 1, 2, .5, -1 },
                    { 0, 1, 0, 3 },
                }
            ),
            ["teacher.logits"] = tensor(
                new[,]
                {
                    { 2.0, 1, 0, -1 },
                    { -1, 0, 1, 4 },
                }
            ),
        };
        _input = new ProbeFiles(_kd, Kd.Plugins).Write(tensors);
    }

    public void Dispose()
    {
        _scope.Dispose();
        _kd.Dispose();
    }

    private KdResult Batch(params string[] lines) =>
        Kd.Call("probe", "--batch", _kd.Write("cases.jsonl", string.Join("\n", lines)), "--plugins", Kd.Plugins);

    // Relative to the batch's folder.
    private string Of(string id, string more = "") =>
        $$"""{ "id": "{{id}}", "input": "{{Path.GetFileName(_input)}}"{{more}} }""";

    [Fact]
    public void Every_case_has_a_line_in_order_and_a_bad_one_fails_alone_with_its_code()
    {
        var result = Batch(
            Of("kd", """, "output": "first.safetensors" """),
            "",
            Of("kdd"),
            Of("kd", """, "options": { "temperature": 1 }"""),
            Of("kd", """, "options": { "temprature": 1 }"""),
            Of("kd", """, "inputs": 3"""),
            "not json",
            "[1]",
            """{ "id": "kd" }""",
            """{ "id": "kd", "input": "nowhere.safetensors" }""",
            Of("kd", """, "mode": "sleep" """),
            Of("kd", """, "output": "first.safetensors" """),
            Of("icda", """, "formula": "contrasts" """),
            Of("lskd")
        );
        Assert.Equal("", result.Error);
        Assert.Equal(ExitCodes.BadRecipe, result.ExitCode);
        Assert.Equal(
            [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
            result.Lines.Select(l => l["case"]!.GetValue<int>())
        );
        Assert.Equal(
            [
                .. (string[])["probe", "KDP0201", "probe", "KDP0203", "KDP0203", "KDP0202"],
                .. (string[])["KDP0205", "KDP0206", "KDP0500", "KDP0206", "KDP0810", "KDP0808", "probe"],
            ],
            result.Lines.Select(l => l["code"]?.GetValue<string>() ?? l["event"]!.GetValue<string>())
        );
        Assert.All(
            result.Lines.Where(l => l["code"] is not null),
            l => Assert.Equal("probe-failed", l["event"]!.GetValue<string>())
        );
        Assert.Equal(0.3906891718, Loss(result, 1), 1e-9);
        Assert.Equal(0.2553292252, Loss(result, 4), 1e-9);
        Assert.Equal(0.3906891718, ProbeFiles.Read(_kd.At("first.safetensors"))["loss"].item<double>(), 1e-9);
    }

    private static double Loss(KdResult result, int line) =>
        result.Lines.Single(l => l["case"]!.GetValue<int>() == line)["tensors"]!
            .AsArray()
            .Single(t => t!["name"]!.GetValue<string>() == "loss")!["value"]!.GetValue<double>();

    [Fact]
    public void A_batch_says_the_same_as_its_cases_one_by_one_and_the_same_again()
    {
        string[] lines = [Of("kd"), Of("dist"), Of("kd"), Of("lskd")];
        var together = Batch(lines);
        Assert.Equal(0, together.ExitCode);
        Assert.Equal(together.Output, Batch(lines).Output);
        foreach (var (id, line) in ((string, int)[])[("kd", 1), ("dist", 2), ("kd", 3), ("lskd", 4)])
        {
            var alone = Kd.Call("probe", id, "--input", _input, "--plugins", Kd.Plugins, "--json");
            var tensors = Assert.Single(alone.Lines)["tensors"]!.ToJsonString();
            Assert.Equal(tensors, together.Lines[line - 1]["tensors"]!.ToJsonString());
        }
    }

    [Fact]
    public void What_is_no_batch_is_refused()
    {
        void Fails(int exit, string code, KdResult result) =>
            Assert.Equal((exit, code), (result.ExitCode, result.Failure["code"]!.GetValue<string>()));
        KdResult Call(params string[] args) => Kd.Call(["probe", "--plugins", Kd.Plugins, "--json", .. args]);
        Fails(ExitCodes.Failed, "KDP0810", Call("--batch", _kd.Write("empty.jsonl", "\n \n")));
        Fails(ExitCodes.Failed, "KDP0810", Call("--batch", _kd.Write("long.jsonl", new string(' ', (1 << 20) + 1))));
        Fails(ExitCodes.Folder, "KDP0804", Call("--batch", _kd.At("nowhere.jsonl")));
        var cases = _kd.Write("one.jsonl", Of("kd"));
        Fails(ExitCodes.Failed, "KDP0801", Call("kd", "--batch", cases));
        Fails(ExitCodes.Failed, "KDP0801", Call("--batch", cases, "--input", _input));
        Fails(ExitCodes.Failed, "KDP0801", Call("--batch", cases, "--seed", "1"));
        Fails(ExitCodes.Failed, "KDP0801", Call("--input", _input));
    }
}
