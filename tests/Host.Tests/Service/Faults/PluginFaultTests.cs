using KdPlugins.Host.Tests.Commands;
using KdPlugins.Host.Tests.Loading;

namespace KdPlugins.Host.Tests.Service;

/// <summary>Real plugins that do the worst a plugin can, in real workers of a real service.</summary>
public sealed class PluginFaultTests : IDisposable
{
    private const string Faults = """
        public sealed record FaultOptions { public string Deed { get; init; } = ""; }

        [KdLoss("fault")] public sealed class Fault : DistillationLoss<FaultOptions> {
            static readonly List<byte[]> Kept = [];
            int _calls;

            [System.Runtime.InteropServices.DllImport("libc")] static extern IntPtr memset(IntPtr at, int value, IntPtr count);
            // The loader refuses a plugin that calls Environment.Exit; native code it cannot look into.
            [System.Runtime.InteropServices.DllImport("libc")] static extern void _exit(int code);

            public override Tensor Compute(ILossContext context) {
                if (++_calls == 2)
                    switch (Options.Deed) {
                        case "crash": memset(16, 1, 64); break;
                        case "exit": _exit(0); break;
                        case "deadlock": new ManualResetEventSlim().Wait(); break;
                        case "eat":
                            while (true) { var block = new byte[32 << 20]; Array.Fill(block, (byte)1); Kept.Add(block); }
                    }
                return context.Student.Logits.pow(2).mean();
            }
        }
        """;

    private static readonly Dictionary<string, string> Strict = new()
    {
        ["Kd__MaxFailures"] = "1",
        ["Kd__StallSeconds"] = "30",
        ["Kd__MemoryLimitMegabytes"] = "3000",
        ["Kd__Threads"] = "1",
        ["Kd__QuietSeconds"] = "0.2",
    };

    private readonly Kd _kd = new();
    private readonly string _data;

    public PluginFaultTests() => _data = _kd.At("data");

    public void Dispose() => _kd.Dispose();

    private string Plugins(string name, string source)
    {
        var plugins = _kd.CopyPlugins();
        Directory.CreateDirectory(Path.Combine(plugins, name));
        File.WriteAllBytes(Path.Combine(plugins, name, $"{name}.dll"), PluginCompiler.Compile(name, source));
        return plugins;
    }

    private string Submit(ServiceProcess service, params string[] settings) =>
        service.Submit(_kd.TinyRecipe(), [.. settings, "checkpoints.everySteps=1"]);

    private string Student(string id) => ServiceProcess.Student(_data, id);

    [SkippableFact]
    public void A_plugin_that_crashes_exits_deadlocks_or_eats_memory_fails_its_run_and_no_other()
    {
        using var service = new ServiceProcess(_data, Plugins("Faults", Faults), Strict);
        (string Deed, string Code, string Reason)[] deeds =
        [
            ("crash", "KDP0910 ", "signal"),
            ("exit", "KDP0910 ", "exit code 0 before the run was complete"),
            ("deadlock", "KDP0909 ", "said nothing for 30 s"),
            ("eat", "KDP0908 ", "more memory than it may"),
        ];
        var first = Submit(service);
        var pairs = deeds.Select(d => (Fault: Submit(service, LossThat(d.Deed)), Behind: Submit(service))).ToList();
        Assert.Equal("Done", service.WaitFor(first, "Done", "Failed"));
        foreach (var ((fault, behind), (deed, code, reason)) in pairs.Zip(deeds))
        {
            Assert.Equal("Failed", service.WaitFor(fault, "Done", "Failed"));
            var message = (string)service.Get($"/api/runs/{fault}")["job"]!["message"]!;
            Assert.StartsWith(code, message);
            Assert.Contains(reason, message);
            Assert.True(service.WaitFor(behind, "Done", "Failed") == "Done", $"behind {deed}: {service.Said}");
            Assert.Equal(Student(first), Student(behind));
        }
    }

    [SkippableFact]
    public void An_assembly_that_is_replaced_in_the_middle_of_a_run_is_that_of_the_next_run_only()
    {
        static string Version(string scale) =>
            "[KdLoss(\"scaled\")] public sealed class Scaled : DistillationLoss<NoOptions> {"
            + $"public override Tensor Compute(ILossContext c) => c.Student.Logits.pow(2).mean() * {scale}; }}";
        // Long enough that a fast machine is not through before the service has seen the new assembly.
        string[] uses = ["""losses=[{"id":"scaled"},{"id":"cross-entropy"}]""", "training.epochs=60"];
        var plugins = Plugins("Scaled", Version("0.01"));
        var patient = new Dictionary<string, string>(Strict)
        {
            ["Kd__MaxFailures"] = "3",
            ["Kd__BackOffSeconds"] = "0.1",
        };
        using var service = new ServiceProcess(_data, plugins, patient);
        var whole = Submit(service, uses);
        var disturbed = Submit(service, uses);
        service.WaitFor(disturbed, "Running");
        service.Until(() => ServiceProcess.Checkpoints(_data, disturbed) > 0);
        var before = (string)service.Get("/api/plugins")["set"]!;
        File.WriteAllBytes(
            Path.Combine(plugins, "Scaled", "Scaled.dll"),
            PluginCompiler.Compile("Scaled", Version("3.0"))
        );
        service.Until(() => (string)service.Get("/api/plugins")["set"]! != before);
        Assert.Equal("Running", service.State(disturbed));
        ServiceProcess.WorkerOf(_data, disturbed)!.Kill();
        var next = Submit(service, uses);
        foreach (var id in (string[])[whole, disturbed, next])
            Assert.True(service.WaitFor(id, "Done", "Failed") == "Done", service.Said);
        Assert.Equal(Student(whole), Student(disturbed));
        Assert.NotEqual(Student(whole), Student(next));
    }

    private static string LossThat(string deed) =>
        $$$"""losses=[{"id":"cross-entropy"},{"id":"fault","options":{"deed":"{{{deed}}}"}}]""";
}
