using KdPlugins.Sdk;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Proofs;

/// <summary>Two linear layers, without norms: what it says of a sample does not depend on the batch.</summary>
[KdModel("plain")]
public sealed class PlainModel : ModelPlugin<TinyOptions>
{
    public override INetwork Create(ModelRequest request) => new PlainNetwork(Options.Width, request);
}

public sealed class PlainNetwork : nn.Module<Tensor, Tensor>, INetwork
{
    private readonly Linear first;
    private readonly Linear last;

    public PlainNetwork(int width, ModelRequest request)
        : base(nameof(PlainNetwork))
    {
        first = nn.Linear(request.InputShape.Aggregate((a, b) => a * b), width);
        last = nn.Linear(width, request.Classes);
        RegisterComponents();
        Shape = new(request.InputShape, request.Classes, width, []);
    }

    public nn.Module Module => this;

    public NetworkShape Shape { get; }

    public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps)
    {
        var hidden = first.call(input.flatten(1)).tanh();
        return new(last.call(hidden), hidden, new Dictionary<string, Tensor>());
    }

    public override Tensor forward(Tensor input) => Forward(input, null!, []).Logits;
}
