using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Torch;

/// <summary>Tells whether anything has been drawn from libtorch's default generators (CPU, and every CUDA device) since it began.</summary>
/// <remarks>Holds a copy of each generator's state, some 5 kB on a CPU.</remarks>
public sealed class DrawWatch : IDisposable
{
    private readonly List<Tensor> _before = States();

    private DrawWatch() { }

    /// <summary>Begins to watch.</summary>
    public static DrawWatch Begin() => new();

    /// <summary>Whether a generator stands elsewhere than at the beginning.</summary>
    public bool HasDrawn
    {
        get
        {
            var now = States();
            var same = _before.Zip(now, (a, b) => a.bytes.SequenceEqual(b.bytes)).All(equal => equal);
            now.ForEach(state => state.Dispose());
            return !same;
        }
    }

    /// <summary>Lets go of the states.</summary>
    public void Dispose() => _before.ForEach(state => state.Dispose());

    private static List<Tensor> States()
    {
        var states = new List<Tensor>();
        foreach (var generator in RandomGenerators.Defaults())
        {
            states.Add(generator.get_state().DetachFromDisposeScope());
            if (generator.device.type == DeviceType.CPU)
                generator.Dispose();
        }
        return states;
    }
}
