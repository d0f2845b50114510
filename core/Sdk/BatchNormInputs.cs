using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Sdk;

/// <summary>
/// What goes into the two-dimensional batch norms of a network: mean and variance of the batch, per channel, beside the
/// running statistics that the network keeps of its training data. Data-free methods compare the two.
/// </summary>
/// <remarks>
/// Reads by hooks that stay with the network and do nothing between recordings. Run the network itself
/// (<c>context.Network(role).Forward</c>); a step's own forward pass may take a copy without batch norms.
/// </remarks>
public sealed class BatchNormInputs
{
    private readonly BatchNorm2d[] _norms;
    private readonly (Tensor Mean, Tensor Variance)?[] _seen;
    private bool _recording;

    /// <summary>Watches every <see cref="BatchNorm2d"/> of a module, in the order of its <c>modules()</c>.</summary>
    public BatchNormInputs(nn.Module module)
    {
        _norms = [.. module.modules().OfType<BatchNorm2d>()];
        _seen = new (Tensor, Tensor)?[_norms.Length];
        for (var i = 0; i < _norms.Length; i++)
        {
            var place = i;
            _norms[i].register_forward_pre_hook((_, input) => Note(place, input));
        }
    }

    /// <summary>The number of batch norms.</summary>
    public int Count => _norms.Length;

    /// <summary>Runs the network and gives what it computed, with what went into its batch norms.</summary>
    /// <param name="run">The forward pass; each batch norm has to be passed once.</param>
    /// <returns>
    /// The result; per batch norm the mean and the unbiased variance of its input, in float32 at least, float [channels],
    /// with graph.
    /// </returns>
    /// <exception cref="InvalidOperationException">A batch norm was not passed.</exception>
    public (T Result, IReadOnlyList<(Tensor Mean, Tensor Variance)> Statistics) Record<T>(Func<T> run)
    {
        _recording = true;
        try
        {
            var result = run();
            return (
                result,
                [.. _seen.Select(s => s ?? throw new InvalidOperationException("A batch norm was not passed."))]
            );
        }
        finally
        {
            _recording = false;
            Array.Clear(_seen);
        }
    }

    /// <summary>Batch minus running statistics, all norms one after the other: two tensors [channels of all norms].</summary>
    /// <param name="statistics">What <see cref="Record{T}"/> gave.</param>
    public (Tensor Mean, Tensor Variance) Difference(IReadOnlyList<(Tensor Mean, Tensor Variance)> statistics) =>
        (
            cat([.. statistics.Select((s, i) => s.Mean - _norms[i].running_mean!)]),
            cat([.. statistics.Select((s, i) => s.Variance - _norms[i].running_var!)])
        );

    private Tensor Note(int place, Tensor input)
    {
        if (_recording)
        {
            var wide = input.dtype is ScalarType.BFloat16 or ScalarType.Float16 ? input.to(ScalarType.Float32) : input;
            _seen[place] = (wide.mean([0, 2, 3]), wide.var([0, 2, 3], unbiased: true));
        }
        return input;
    }
}
