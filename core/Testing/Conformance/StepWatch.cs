using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

/// <summary>The context of one step, with a look at every call: by which thread, when, and what was drawn in between.</summary>
internal sealed class StepWatch
{
    private readonly StageWatch _owner;
    private readonly Stage _stage;
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private byte[] _random;
    private int _depth;
    private bool _isOver;

    internal StepWatch(StageWatch owner, Stage stage, IStepContext context)
    {
        (_owner, _stage, _random) = (owner, stage, State());
        Context = Forwarder<IStepContext>.Around(context, Before, After);
    }

    internal IStepContext Context { get; }

    internal void End()
    {
        Look();
        _isOver = true;
    }

    private void Before(string method, object?[] arguments)
    {
        if (_isOver || Environment.CurrentManagedThreadId != _thread)
        {
            _owner.Tell(
                "context",
                $"a step of stage '{_stage.Name}' calls {method} of its context {(_isOver ? "after it has returned" : "from another thread")}. "
                    + "Everything that a step does has to be done when it returns: no async step, no Task.Run."
            );
            return;
        }
        Look();
        _depth++;
        if (arguments is [IReadOnlyList<Trainable> trainables, Func<Tensor> objective])
        {
            foreach (var trainable in trainables.Where(t => _stage.Trainables.All(s => s.Name != t.Name)))
                _owner.Tell(
                    "stages",
                    $"stage '{_stage.Name}' updates '{trainable.Name}', which is not among its Trainables: its optimiser is in no "
                        + "checkpoint, so that a resumed run goes on otherwise."
                );
            arguments[1] = () => Between(objective);
        }
    }

    private object? After(object? result)
    {
        if (!_isOver && Environment.CurrentManagedThreadId == _thread)
        {
            _depth--;
            _random = State();
        }
        return result;
    }

    // An objective is the step's own code again.
    private Tensor Between(Func<Tensor> objective)
    {
        var outside = _depth;
        _depth = 0;
        _random = State();
        var value = objective();
        Look();
        _depth = outside;
        return value;
    }

    private void Look()
    {
        if (_depth > 0)
            return;
        if (!_random.AsSpan().SequenceEqual(State()))
            _owner.Tell(
                "global generator",
                $"a step of stage '{_stage.Name}' draws from libtorch's default generator (rand and the like without 'generator:', or a "
                    + "network with dropout that is called past step.Forward). Draw from step.Random: NewGenerator, SeededRandom. "
                    + "Where that is meant, the setting DrawsFromTorch says so."
            );
    }

    // Outside of any scope: a step's scopes end before its calls do.
    private static byte[] State()
    {
        using var state = Generator.Default.get_state();
        return state.bytes.ToArray();
    }
}
