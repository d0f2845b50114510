using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Proofs;

public sealed record FreezableOptions
{
    /// <summary>Whether freezing makes a layer with weights of the default generator.</summary>
    public bool DrawsWhenFrozen { get; init; }

    /// <summary>Whether evaluation draws too.</summary>
    public bool DrawsInEvaluation { get; init; }

    /// <summary>What training drops of the embedding.</summary>
    public double Dropout { get; init; }
}

/// <summary>A linear network with dropout, noise from <c>rand</c> in training, and a frozen form.</summary>
[KdModel("freezable")]
public sealed class FreezableModel : ModelPlugin<FreezableOptions>
{
    /// <summary>How many frozen forms were made.</summary>
    internal static int Frozen { get; set; }

    public override INetwork Create(ModelRequest request) => new Network(Options, request);

    private sealed class Network : nn.Module<Tensor, Tensor>, IFreezableNetwork
    {
        private readonly FreezableOptions _options;
        private readonly Linear fc;

        internal Network(FreezableOptions options, ModelRequest request)
            : base("freezable")
        {
            _options = options;
            fc = nn.Linear(request.InputShape.Aggregate(1L, (a, b) => a * b), request.Classes);
            RegisterComponents();
            Shape = new(request.InputShape, request.Classes, 0, []);
        }

        public nn.Module Module => this;

        public NetworkShape Shape { get; }

        public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps)
        {
            var x = input.flatten(1);
            if ((training && _options.Dropout > 0) || _options.DrawsInEvaluation)
                x = nn.functional.dropout(x, _options.Dropout, true) + rand_like(x) * 0.1;
            return new(fc.call(x), null!, new Dictionary<string, Tensor>());
        }

        public override Tensor forward(Tensor input) => Forward(input, null!, []).Logits;

        public INetwork Freeze(ScalarType dtype)
        {
            Frozen++;
            if (_options.DrawsWhenFrozen)
                nn.Linear(4, 4).Dispose();
            return new Copy(FrozenLinear.From(fc, dtype), Shape);
        }
    }

    private sealed class Copy(FrozenLinear fc, NetworkShape shape) : INetwork
    {
        public nn.Module Module => fc;

        public NetworkShape Shape => shape;

        public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps) =>
            new(fc.call(input.flatten(1)), null!, new Dictionary<string, Tensor>());
    }
}
