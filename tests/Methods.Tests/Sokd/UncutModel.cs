using KdPlugins.Core;
using KdPlugins.Sdk;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Sokd.Tests;

/// <summary>A network that cannot be cut.</summary>
[KdModel("uncut")]
public sealed class UncutModel : ModelPlugin<NoOptions>
{
    public override INetwork Create(ModelRequest request) => new Network(request);

    private sealed class Network : nn.Module, INetwork
    {
        private readonly Linear fc;

        internal Network(ModelRequest request)
            : base("uncut")
        {
            fc = nn.Linear(request.InputShape.Aggregate(1L, (a, b) => a * b), request.Classes);
            RegisterComponents();
            Shape = new(request.InputShape, request.Classes, 0, []);
        }

        public nn.Module Module => this;

        public NetworkShape Shape { get; }

        public ModelOutput Forward(Tensor input, Tensor? mask, IReadOnlyCollection<string> taps) =>
            new(fc.call(input.flatten(1)), null, new Dictionary<string, Tensor>());
    }
}
