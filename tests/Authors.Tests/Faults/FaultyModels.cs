using KdPlugins.Core;
using KdPlugins.Sdk;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Authors.Tests.Faults;

// Models with one mistake each that an author makes; the first has none.

public abstract class SmallModel : ModelPlugin<NoOptions>
{
    public override INetwork Create(ModelRequest request) => Make(request);

    protected abstract SmallNet Make(ModelRequest request);
}

public class SmallNet : nn.Module<Tensor, Tensor>, INetwork
{
    protected readonly Linear hidden;
    protected readonly Linear head;

    public SmallNet(ModelRequest request, long? classes = null, bool registers = true)
        : base("small")
    {
        hidden = nn.Linear(request.InputShape.Aggregate(1L, (a, b) => a * b), 6);
        head = nn.Linear(6, classes ?? request.Classes);
        if (registers)
            RegisterComponents();
        Shape = new(request.InputShape, classes ?? request.Classes, 6, [new("hidden", [6], isPreActivation: true)]);
    }

    public nn.Module Module => this;

    public NetworkShape Shape { get; protected init; }

    public virtual ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps)
    {
        var first = hidden.call(input.flatten(1));
        var embedding = Between(nn.functional.relu(first));
        return new(head.call(embedding), embedding, new Dictionary<string, Tensor> { ["hidden"] = first });
    }

    protected virtual Tensor Between(Tensor x) => x;

    public override Tensor forward(Tensor input) => Forward(input, null!, []).Logits;
}

[KdModel("good-model")]
public sealed class GoodModel : SmallModel
{
    protected override SmallNet Make(ModelRequest request) => new(request);
}

[KdModel("fixed-classes")]
public sealed class FixedClasses : SmallModel
{
    protected override SmallNet Make(ModelRequest request) => new(request, classes: 10);
}

[KdModel("missing-tap")]
public sealed class MissingTap : SmallModel
{
    protected override SmallNet Make(ModelRequest request) => new Net(request);

    private sealed class Net(ModelRequest request) : SmallNet(request)
    {
        public override ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps)
        {
            var output = base.Forward(input, mask, taps);
            return new(output.Logits, output.Embedding, new Dictionary<string, Tensor>());
        }
    }
}

[KdModel("misshapen-tap")]
public sealed class MisshapenTap : SmallModel
{
    protected override SmallNet Make(ModelRequest request) => new Net(request);

    private sealed class Net : SmallNet
    {
        internal Net(ModelRequest request)
            : base(request) => Shape = new(request.InputShape, request.Classes, 6, [new("hidden", [7], true)]);
    }
}

[KdModel("always-dropping")]
public sealed class AlwaysDropping : SmallModel
{
    protected override SmallNet Make(ModelRequest request) => new Net(request);

    private sealed class Net(ModelRequest request) : SmallNet(request)
    {
        protected override Tensor Between(Tensor x) => nn.functional.dropout(x, 0.5, training: true);
    }
}

[KdModel("batch-statistics")]
public sealed class BatchStatistics : SmallModel
{
    protected override SmallNet Make(ModelRequest request) => new Net(request);

    private sealed class Net(ModelRequest request) : SmallNet(request)
    {
        protected override Tensor Between(Tensor x) => x - x.mean([0], keepdim: true);
    }
}

[KdModel("renamed-each-time")]
public sealed class RenamedEachTime : SmallModel
{
    private static int _made;

    protected override SmallNet Make(ModelRequest request) => new Net(request);

    private sealed class Net : SmallNet
    {
        private readonly Linear[] _extra = [nn.Linear(6, 6)];

        internal Net(ModelRequest request)
            : base(request) => register_module($"layer{Interlocked.Increment(ref _made)}", _extra[0]);

        protected override Tensor Between(Tensor x) => _extra[0].call(x);
    }
}

[KdModel("spare-layer")]
public sealed class SpareLayer : SmallModel
{
    protected override SmallNet Make(ModelRequest request) => new Net(request);

    private sealed class Net : SmallNet
    {
        internal Net(ModelRequest request)
            : base(request) => register_module("spare", nn.Linear(2, 2));
    }
}

[KdModel("unregistered")]
public sealed class Unregistered : SmallModel
{
    protected override SmallNet Make(ModelRequest request) => new(request, registers: false);
}

#pragma warning disable KDA0018
[KdModel("dictionary-model")]
public sealed class DictionaryModel : SmallModel
{
    protected override SmallNet Make(ModelRequest request) => new Net(request);

    private sealed class Net : SmallNet
    {
        private readonly ModuleDict<Linear> _extra = nn.ModuleDict<Linear>(("a", nn.Linear(6, 6)));

        internal Net(ModelRequest request)
            : base(request) => register_module("extra", _extra);

        protected override Tensor Between(Tensor x) => _extra["a"].call(x);
    }
}
#pragma warning restore KDA0018

/// <summary>A tensor in a field is no buffer: nothing moves it.</summary>
[KdModel("tensor-field")]
public sealed class TensorField : SmallModel
{
    protected override SmallNet Make(ModelRequest request) => new Net(request);

    private sealed class Net(ModelRequest request) : SmallNet(request)
    {
        private readonly Linear[] _extra = [nn.Linear(6, 6)];

        protected override Tensor Between(Tensor x) => _extra[0].call(x);
    }
}

[KdModel("zero-weights")]
public sealed class ZeroWeights : SmallModel
{
    protected override SmallNet Make(ModelRequest request)
    {
        var net = new SmallNet(request);
        using var _ = no_grad();
        foreach (var parameter in net.parameters())
            parameter.zero_();
        return net;
    }
}

[KdModel("own-weights")]
public sealed class OwnWeights : SmallModel
{
    private static double _next = 1;

    protected override SmallNet Make(ModelRequest request)
    {
        var net = new SmallNet(request);
        using var _ = no_grad();
        net.parameters().First().mul_(_next++);
        return net;
    }
}

[KdModel("detaching")]
public sealed class Detaching : SmallModel
{
    protected override SmallNet Make(ModelRequest request) => new Net(request);

    private sealed class Net(ModelRequest request) : SmallNet(request)
    {
        public override ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps) =>
            base.Forward(input, mask, taps).Detach();
    }
}

[KdModel("changes-its-input")]
public sealed class ChangesItsInput : SmallModel
{
    protected override SmallNet Make(ModelRequest request) => new Net(request);

    private sealed class Net(ModelRequest request) : SmallNet(request)
    {
        public override ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps) =>
            base.Forward(input.sub_(0.5), mask, taps);
    }
}
