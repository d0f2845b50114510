using System.Reflection;
using System.Reflection.Metadata;

namespace KdPlugins.Host.Loading.Inspection;

/// <summary>Finds calls that end the process, or that are known to keep an unloaded assembly in memory.</summary>
internal static class MemberScan
{
    private static readonly HashSet<string> Ending =
    [
        "System.Environment.Exit",
        "System.Environment.FailFast",
        "Microsoft.FSharp.Core.Operators.Exit",
    ];

    private static readonly HashSet<string> HoldingTypes =
    [
        "System.Text.Json.JsonSerializer",
        "System.ComponentModel.TypeDescriptor",
        "System.ComponentModel.DataAnnotations.Validator",
        "System.Threading.Timer",
        "System.Timers.Timer",
        "System.Threading.PeriodicTimer",
        "System.Threading.ThreadLocal`1",
        "System.Runtime.CompilerServices.ConditionalWeakTable`2",
        "System.Diagnostics.ActivitySource",
        "System.Diagnostics.DiagnosticListener",
        "System.Diagnostics.Metrics.Meter",
        "System.Diagnostics.Tracing.EventSource",
        "System.IO.FileSystemWatcher",
    ];

    private static readonly HashSet<string> HoldingMembers =
    [
        "System.Threading.Thread.Start",
        "System.Threading.Thread.UnsafeStart",
        "System.Threading.AsyncLocal`1.set_Value",
        "System.Threading.ThreadPool.RegisterWaitForSingleObject",
        "System.Threading.ThreadPool.QueueUserWorkItem",
        "System.Threading.Tasks.Task.Run",
        "System.Threading.Tasks.TaskFactory.StartNew",
        "System.Threading.CancellationToken.Register",
        "System.Threading.CancellationToken.UnsafeRegister",
        "System.AppContext.SetData",
        "System.AppDomain.SetData",
        "System.Runtime.InteropServices.GCHandle.Alloc",
        "System.Runtime.InteropServices.NativeLibrary.SetDllImportResolver",
        "System.Runtime.InteropServices.Marshal.GetFunctionPointerForDelegate",
    ];

    internal static (IReadOnlyList<string> Exits, IReadOnlyList<string> Holders) Run(MetadataReader metadata)
    {
        var exits = new SortedSet<string>(StringComparer.Ordinal);
        var holders = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var handle in metadata.MemberReferences)
        {
            var reference = metadata.GetMemberReference(handle);
            var (space, name) = AttributeText.TypeName(metadata, reference.Parent);
            if (name.Length == 0)
                continue;
            var type = $"{space}.{name}";
            var member = metadata.GetString(reference.Name);
            if (Ending.Contains($"{type}.{member}"))
                exits.Add($"{type}.{member}");
            else if (HoldingTypes.Contains(type))
                holders.Add($"{type}.{member}");
            else if (HoldingMembers.Contains($"{type}.{member}"))
                holders.Add($"{type}.{member}");
            // Longer than the prefix: add_ alone is how tensors add in place.
            else if (member.Length > 4 && member.StartsWith("add_", StringComparison.Ordinal))
                holders.Add($"the event {type}.{member[4..]}");
        }
        // Such a table keeps its values for as long as a key lives, and a thread's value lives with its thread.
        foreach (var field in metadata.FieldDefinitions.Select(metadata.GetFieldDefinition))
            if ((field.Attributes & (FieldAttributes.Static | FieldAttributes.Literal)) == FieldAttributes.Static)
                NameField(metadata, field, holders);
        return ([.. exits], [.. holders]);
    }

    private static void NameField(MetadataReader metadata, FieldDefinition field, SortedSet<string> holders)
    {
        var name = metadata.GetString(field.Name);
        var text = TypeText.Member(metadata, name, field.Signature, []);
        if (HoldingTypes.Contains(text.Split('<', ' ')[0]))
            holders.Add(
                $"the static field {TypeText.Of(metadata, field.GetDeclaringType())}.{name}, a {text[..^(name.Length + 1)]}"
            );
    }
}
