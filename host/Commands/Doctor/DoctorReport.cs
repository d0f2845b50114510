using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using KdPlugins.Host.Loading.Folders;
using KdPlugins.Host.Loading.Listing;
using KdPlugins.Host.Texts;
using KdPlugins.Torch;
using TorchSharp;

namespace KdPlugins.Host.Commands.Doctor;

/// <summary>What a program, its machine and its plugins are, as text and as JSON.</summary>
internal sealed class DoctorReport(NativeInfo native, InstructionVerdict verdict, FolderPluginCatalog catalog)
{
    private const int Shown = 10;

    private List<(string Key, string Name, string Value)> Facts() =>
        [
            ("version", "kd", ProductVersion),
            ("runtime", "runtime", $"{RuntimeInformation.FrameworkDescription} on {RuntimeInformation.OSDescription}"),
            ("processor", "processor", verdict.Processor),
            ("memory", "memory", $"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (1 << 20)} MiB"),
            ("libtorch", "libtorch", $"{torch.__version__} from {native.LibTorchFolder} ({native.Source})"),
            ("libTorchSharp", "LibTorchSharp", native.LibTorchSharpPath + (native.Relaxed is { } r ? $" ({r})" : "")),
            ("cuda", "CUDA", native.CudaStatus),
            (
                "bfloat16",
                "bfloat16",
                Autocast.IsNativeOnCpu ? "computed by the processor" : "emulated: slower than float32"
            ),
            ("plugins", "plugins", $"{catalog.Plugins.Count} in {catalog.Root}"),
        ];

    private static string ProductVersion =>
        typeof(DoctorReport).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    internal string Text()
    {
        var text = new StringBuilder();
        foreach (var (_, name, value) in Facts())
            text.AppendLine($"{name, -14} {value}");
        text.AppendLine($"{"instructions", -14} {verdict.Limit ?? "not limited"}: {verdict.Reason}");
        if (verdict.File is { } file)
            text.AppendLine($"{"", -14} kept in {file}");

        if (verdict.Trials.Count > 0)
        {
            var table = new TextTable("instructions", "wrong", "time", "what was found");
            foreach (var trial in verdict.Trials)
                table.Add(trial.Limit, Count(trial), Time(trial), Found(trial));
            text.AppendLine().AppendLine(table.ToString());
        }

        if (verdict.Faults.Count > 0)
            text.AppendLine($"\nWrong with {verdict.Limit}, which is used:");
        foreach (var fault in verdict.Faults.Take(Shown))
            text.AppendLine($"  {fault}");
        if (verdict.Faults.Count > Shown)
            text.AppendLine($"  and {verdict.Faults.Count - Shown} more (--json has all)");

        foreach (var (_, where, finding) in PluginReport.Problems(catalog))
            text.AppendLine($"\n{where}{finding}");
        return text.ToString();
    }

    private static string Count(InstructionTrial trial) =>
        trial.IsWhole ? $"{trial.Faults.Count}" : $"{trial.Faults.Count} or more";

    private static string Time(InstructionTrial trial) =>
        trial.IsWhole ? string.Create(CultureInfo.InvariantCulture, $"{trial.Milliseconds / 1000.0:F1} s") : "";

    private static string Found(InstructionTrial trial) => trial.IsRight ? "all right" : trial.Faults[0];

    internal JsonObject Json()
    {
        var json = new JsonObject { ["event"] = "doctor" };
        foreach (var (key, _, value) in Facts())
            json[key] = value;
        json["instructions"] = verdict.Limit;
        json["reason"] = verdict.Reason;
        json["file"] = verdict.File;
        json["trials"] = new JsonArray([.. verdict.Trials.Select(Json)]);
        json["findings"] = new JsonArray([
            .. PluginReport.Problems(catalog).Select(p => JsonValue.Create($"{p.Where}{p.Finding}")),
        ]);
        return json;
    }

    private static JsonObject Json(InstructionTrial trial) =>
        new()
        {
            ["limit"] = trial.Limit,
            ["right"] = trial.IsRight,
            ["whole"] = trial.IsWhole,
            ["milliseconds"] = trial.Milliseconds,
            ["faults"] = new JsonArray([.. trial.Faults.Select(f => JsonValue.Create(f))]),
        };
}
