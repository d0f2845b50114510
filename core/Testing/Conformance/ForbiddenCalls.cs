using System.Reflection;
using KdPlugins.Core;

namespace KdPlugins.Testing;

/// <summary>What no plugin's code may call, and what to do instead. Analyzers say the same of C#; this is for every language.</summary>
internal static class ForbiddenCalls
{
    private const string Waits =
        "The engine goes on when the call returns, and its scopes and random streams belong to one thread: do the work in the "
        + "call itself; libtorch uses all cores.";
    private const string Clock =
        "A resumed run would go on otherwise: take context.Progress for time, and leave durations to the engine.";
    private const string Random =
        "A resumed run would draw other numbers: take SeededRandom or NewGenerator of context.Random.";
    private const string Ends =
        "It ends the whole process where shapes do not fit, past every catch: take the function of that name of TorchOps.";

    /// <summary>The first call of a class that is forbidden to its kind, told with its place and the cure; null for none.</summary>
    /// <param name="type">The plugin's class.</param>
    /// <param name="kind">What it is: data sets may use threads.</param>
    /// <param name="allowed">Names that are let pass, such as <c>Tensor.matmul</c>.</param>
    internal static string? First(Type type, PluginKind kind, IReadOnlyCollection<string> allowed)
    {
        foreach (var (called, from) in CalledMethods.Of(type))
            if (
                Cure(called) is var (name, cure)
                && !allowed.Contains(name)
                && !(kind == PluginKind.Dataset && ReferenceEquals(cure, Waits))
            )
                return $"{Place(from)} calls {name}. {cure} What is meant so is named in the settings' AllowedCalls.";
        return null;
    }

    // Of a function within a method, the method's own class.
    private static string Place(MethodBase from)
    {
        var type = from.DeclaringType!;
        while (type.DeclaringType is { } outer && type.Name.AsSpan().IndexOfAny("<>@") >= 0)
            type = outer;
        return $"{type.Name} ({from.DeclaringType!.Name}.{from.Name})";
    }

    private static (string Name, string Cure)? Cure(MethodBase called)
    {
        var (type, name) = (called.DeclaringType?.FullName ?? "", called.Name);
        if (called.DeclaringType is { IsConstructedGenericType: true } generic)
            type = generic.GetGenericTypeDefinition().FullName ?? "";
        var cure = (type, name) switch
        {
            ("System.Threading.Tasks.Task", "Run") => Waits,
            ("System.Threading.Tasks.TaskFactory", "StartNew") => Waits,
            ("System.Threading.Tasks.TaskFactory`1", "StartNew") => Waits,
            ("System.Threading.Tasks.Parallel", _) => Waits,
            ("System.Threading.ThreadPool", _) => Waits,
            ("System.Threading.Thread" or "System.Threading.Timer", ".ctor") => Waits,
            ("System.Linq.ParallelEnumerable", "AsParallel") => Waits,
            ("Microsoft.FSharp.Control.FSharpAsync", _) => Waits,
            ("Microsoft.FSharp.Collections.ArrayModule+Parallel", _) => Waits,
            ("System.DateTime", "get_Now" or "get_UtcNow" or "get_Today") => Clock,
            ("System.DateTimeOffset", "get_Now" or "get_UtcNow") => Clock,
            ("System.Environment", "get_TickCount" or "get_TickCount64") => Clock,
            ("System.Diagnostics.Stopwatch", ".ctor" or "StartNew" or "GetTimestamp") => Clock,
            ("System.TimeProvider", "get_System") => Clock,
            ("System.Random", ".ctor" or "get_Shared") => Random,
            ("TorchSharp.torch" or "TorchSharp.torch+Tensor", "matmul" or "cummax" or "cummin") => Ends,
            _ => IsAsync(type, name) ? Waits : null,
        };
        return cure is null ? null : (IsAsync(type, name) ? "an async function" : Name(called), cure);
    }

    private static bool IsAsync(string type, string name) =>
        name is "Create"
        && type.StartsWith("System.Runtime.CompilerServices.Async", StringComparison.Ordinal)
        && type.Contains("MethodBuilder", StringComparison.Ordinal);

    private static string Name(MethodBase called) =>
        called.Name == ".ctor"
            ? $"new {called.DeclaringType!.Name}"
            : $"{called.DeclaringType!.Name}.{called.Name.Replace("get_", "", StringComparison.Ordinal)}";
}
