using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>A live tensor and the place in the program that made it.</summary>
/// <param name="Tensor">Dtype and shape, such as <c>Float32[64, 10]</c>.</param>
/// <param name="Bytes">Bytes of its elements.</param>
/// <param name="MadeAt">The innermost callers outside TorchSharp, nearest first.</param>
public sealed record TensorOrigin(string Tensor, long Bytes, string MadeAt);

/// <summary>
/// For hunting leaks: remembers where every tensor inside a <see cref="StepScope"/> was made. On when the environment
/// variable <c>KD_TENSOR_ORIGINS</c> is <c>1</c>; costs a stack trace (some 10 microseconds) per tensor.
/// </summary>
public static class TensorOrigins
{
    private const int Callers = 4;
    private static readonly ConditionalWeakTable<IDisposable, Entry> Entries = [];

    private sealed record Entry(DisposeScope Scope, StackTrace Trace);

    /// <summary>Whether scopes that are opened from now on remember.</summary>
    public static bool Enabled { get; set; } = Environment.GetEnvironmentVariable("KD_TENSOR_ORIGINS") == "1";

    /// <summary>The remembered tensors that are alive, those of one origin and shape together, most bytes first; one per line.</summary>
    public static string Report()
    {
        var text = new StringBuilder();
        foreach (var group in Alive(_ => true).GroupBy(o => o).OrderByDescending(g => g.Sum(o => o.Bytes)))
            text.AppendLine(
                System.Globalization.CultureInfo.InvariantCulture,
                $"{group.Count()} x {group.Key.Tensor}, {group.Sum(o => o.Bytes) / 1024.0:F1} KB: {group.Key.MadeAt}"
            );
        return text.ToString();
    }

    /// <summary>Makes a scope tell what joins it: its set asks for a hash code whenever a tensor is added.</summary>
    internal static void Watch(DisposeScope scope) => ScopeAccess.SetDisposables(scope, new(new Recorder(scope)));

    internal static IReadOnlyList<TensorOrigin> AliveOf(DisposeScope scope) => Alive(e => e.Scope == scope);

    private static List<TensorOrigin> Alive(Func<Entry, bool> which) =>
        [
            .. Entries
                .Where(e => which(e.Value) && e.Key is Tensor { IsInvalid: false })
                .Select(e => Describe((Tensor)e.Key, e.Value)),
        ];

    private static TensorOrigin Describe(Tensor tensor, Entry entry) =>
        new(TensorText.Describe(tensor), tensor.numel() * tensor.element_size(), Place(entry.Trace));

    private static string Place(StackTrace trace) =>
        string.Join(" <- ", trace.GetFrames().Where(IsCaller).Take(Callers).Select(Name));

    private static bool IsCaller(StackFrame frame) =>
        frame.GetMethod()?.DeclaringType?.Assembly is { } assembly
        && assembly != typeof(torch).Assembly
        && assembly != typeof(TensorOrigins).Assembly
        && assembly.GetName().Name?.StartsWith("System.", StringComparison.Ordinal) == false;

    private static string Name(StackFrame frame)
    {
        var method = frame.GetMethod()!;
        var file = frame.GetFileName() is { } path ? $" ({Path.GetFileName(path)}:{frame.GetFileLineNumber()})" : "";
        return $"{method.DeclaringType!.Name}.{method.Name}{file}";
    }

    private sealed class Recorder(DisposeScope scope) : IEqualityComparer<IDisposable>
    {
        public bool Equals(IDisposable? x, IDisposable? y) => ReferenceEquals(x, y);

        public int GetHashCode(IDisposable item)
        {
            if (!Entries.TryGetValue(item, out _))
                Entries.Add(item, new(scope, new StackTrace(2, fNeedFileInfo: true)));
            return RuntimeHelpers.GetHashCode(item);
        }
    }
}
