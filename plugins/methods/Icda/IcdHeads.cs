using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Icda;

/// <summary>What ICD learns beside the student: a linear head per network, the logarithm of the scale, the bias.</summary>
internal sealed class IcdHeads : nn.Module<Tensor, Tensor, double, Tensor>
{
    // The names are those under which the parameters are saved.
    private readonly Linear embed_s;
    private readonly Linear embed_t;
    private readonly Parameter tau_raw;
    private readonly Parameter b;

    internal IcdHeads(long student, long teacher, long dimension, double logScale)
        : base(nameof(IcdHeads))
    {
        embed_s = nn.Linear(student, dimension);
        embed_t = nn.Linear(teacher, dimension);
        tau_raw = new Parameter(tensor((float)logScale));
        b = new Parameter(tensor(0f));
        RegisterComponents();
    }

    /// <summary>The scaled similarities <c>[B, B]</c> of embeddings <c>[B, d_s]</c> and <c>[B, d_t]</c>.</summary>
    public override Tensor forward(Tensor student, Tensor teacher, double maxScale) =>
        IcdMath.Similarities(embed_s.call(student), embed_t.call(teacher), tau_raw, b, maxScale);
}
