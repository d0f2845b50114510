using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Optim;

/// <summary>Parameters of one group that one fused call can update: same device, same dtype, same history.</summary>
internal sealed class UpdateBatch
{
    private DeviceType _deviceType;
    private int _deviceIndex;
    private ScalarType _dtype;

    /// <summary>The number of updates before this one, as far as the kernel cares for it.</summary>
    internal long History { get; private set; }

    internal List<ParameterState> States { get; } = [];
    internal List<Tensor> Parameters { get; } = [];
    internal List<Tensor> Gradients { get; } = [];

    internal void Begin(Tensor parameter, long history)
    {
        _deviceType = parameter.device_type;
        _deviceIndex = parameter.device_index;
        _dtype = parameter.dtype;
        History = history;
    }

    internal bool Fits(Tensor parameter, long history) =>
        History == history
        && _deviceType == parameter.device_type
        && _deviceIndex == parameter.device_index
        && _dtype == parameter.dtype;

    internal void Add(ParameterState state, Tensor gradient)
    {
        States.Add(state);
        Parameters.Add(state.Parameter);
        Gradients.Add(gradient);
    }

    /// <summary>The running tensors of one slot, in the order of the parameters.</summary>
    internal void Collect(int slot, List<Tensor> into)
    {
        into.Clear();
        foreach (var state in States)
            into.Add(state.Ensure(slot));
    }

    internal void Clear()
    {
        States.Clear();
        Parameters.Clear();
        Gradients.Clear();
    }
}

/// <summary>Sorts parameters into batches. Batches and their lists serve again, so that a step allocates little.</summary>
internal sealed class UpdateBatches
{
    private readonly List<UpdateBatch> _all = [];

    /// <summary>How many of them are in use.</summary>
    internal int Count { get; private set; }

    internal UpdateBatch this[int i] => _all[i];

    internal void Add(ParameterState state, Tensor gradient, long history)
    {
        var i = 0;
        while (i < Count && !_all[i].Fits(state.Parameter, history))
            i++;
        if (i == _all.Count)
            _all.Add(new UpdateBatch());
        if (i == Count)
        {
            Count++;
            _all[i].Begin(state.Parameter, history);
        }
        _all[i].Add(state, gradient);
    }

    /// <summary>Empties all of them, and lets go of the tensors.</summary>
    internal void Clear()
    {
        for (var i = 0; i < Count; i++)
            _all[i].Clear();
        Count = 0;
    }
}
