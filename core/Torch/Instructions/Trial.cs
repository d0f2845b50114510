using System.Diagnostics;
using System.Globalization;
using KdPlugins.Torch.Native;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Instructions;

/// <summary>
/// The child's side of a trial: a process that loads libtorch under one limit, makes the whole sweep and says on its standard
/// output, line by line, what it is about to compute, what was wrong, and that it came to the end.
/// </summary>
internal static class Trial
{
    /// <summary>Whether this process is such a child.</summary>
    internal static bool IsHere => Environment.GetEnvironmentVariable(TrialWords.Variable) is not null;

    internal static void Run(TextWriter tell)
    {
        NativeRuntime.Start();
        var first = int.Parse(Environment.GetEnvironmentVariable(TrialWords.Variable)!, CultureInfo.InvariantCulture);
        Tell(Sweep.Shapes, first, Sweep.Manners(get_num_threads()).ToList(), tell);
    }

    // spoil: changes what libtorch answered, for tests of the sweep itself.
    internal static void Tell(
        IReadOnlyList<Shape> shapes,
        int first,
        IReadOnlyList<Manner> manners,
        TextWriter tell,
        Func<Tensor, Tensor>? spoil = null
    )
    {
        var clock = Stopwatch.StartNew();
        for (var i = first; i < shapes.Count; i++)
        {
            tell.WriteLine($"{TrialWords.Trying}{i} {shapes[i]}");
            tell.Flush();
            foreach (var fault in Sweep.Faults(shapes[i], manners, spoil))
                tell.WriteLine(TrialWords.Wrong + fault);
        }
        tell.WriteLine(TrialWords.Done + clock.ElapsedMilliseconds);
        tell.Flush();
    }
}
