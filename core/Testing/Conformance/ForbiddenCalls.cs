using System.Reflection;
using KdPlugins.Core;
using KdPlugins.Sdk.Analyzers;

namespace KdPlugins.Testing;

/// <summary>What no plugin's code may call, and what to do instead, in every language.</summary>
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
        var declaring = called.DeclaringType is { IsConstructedGenericType: true } generic
            ? generic.GetGenericTypeDefinition()
            : called.DeclaringType;
        var (type, name) = (declaring?.FullName ?? "", called.Name);
        if (IsAsync(type, name))
            return ("an async function", Waits);
        return ForbiddenMembers.Of(type, WithoutGet(name)) switch
        {
            ForbiddenReason.OtherThread => (Name(called), Waits),
            ForbiddenReason.Clock => (Name(called), Clock),
            ForbiddenReason.Random => (Name(called), Random),
            ForbiddenReason.Unguarded => (Name(called), Ends),
            _ => null,
        };
    }

    private static bool IsAsync(string type, string name) =>
        name is "Create"
        && type.StartsWith("System.Runtime.CompilerServices.Async", StringComparison.Ordinal)
        && type.Contains("MethodBuilder", StringComparison.Ordinal);

    private static string Name(MethodBase called) =>
        called.Name == ".ctor"
            ? $"new {called.DeclaringType!.Name}"
            : $"{called.DeclaringType!.Name}.{WithoutGet(called.Name)}";

    private static string WithoutGet(string name) =>
        name.StartsWith("get_", StringComparison.Ordinal) ? name[4..] : name;
}
