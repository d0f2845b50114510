using System.Globalization;
using System.Text.Json;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Judging;

/// <summary>
/// The child's side: a process that answers, line by line, what it is asked of layers' shapes, and ends with its input.
/// </summary>
internal static class LayerChild
{
    /// <summary>Set in the environment of a child. It has no other meaning.</summary>
    internal const string Variable = "KD_LAYER_TRIAL";

    internal const string Ready = "layers ready";
    internal const string Answer = "layer ";

    /// <summary>Whether this process is such a child.</summary>
    internal static bool IsHere => Environment.GetEnvironmentVariable(Variable) is not null;

    internal static string Question(LayerShape shape, int threads) =>
        $"{threads.ToString(CultureInfo.InvariantCulture)} {shape.ToJson()}";

    internal static void Run(TextReader asked, TextWriter tell)
    {
        NativeRuntime.Start();
        tell.WriteLine(Ready);
        tell.Flush();
        while (asked.ReadLine() is { } line)
        {
            var space = line.IndexOf(' ', StringComparison.Ordinal);
            var threads = int.Parse(line[..space], CultureInfo.InvariantCulture);
            if (get_num_threads() != threads)
                set_num_threads(threads);
            var found = new LayerVerdict(LayerComparison.Faults(LayerShape.Parse(line[(space + 1)..])!));
            tell.WriteLine(Answer + JsonSerializer.Serialize(found));
            tell.Flush();
        }
    }
}
