using KdPlugins.Sdk;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Proofs;

public sealed record TinyOptions
{
    public int Width { get; init; } = 4;
}

/// <summary>conv-BN-ReLU-pool-linear, with the tap <c>map</c> after the ReLU.</summary>
[KdModel("tiny")]
public sealed class TinyModel : ModelPlugin<TinyOptions>
{
    public override INetwork Create(ModelRequest request) => new TinyNetwork(Options.Width, request);
}

public sealed class TinyNetwork : nn.Module<Tensor, Tensor>, INetwork
{
    private readonly Conv2d conv;
    private readonly BatchNorm2d bn;
    private readonly Linear fc;

    public TinyNetwork(int width, ModelRequest request)
        : base(nameof(TinyNetwork))
    {
        conv = nn.Conv2d(request.InputShape[0], width, 3, padding: 1, bias: false);
        bn = nn.BatchNorm2d(width);
        fc = nn.Linear(width, request.Classes);
        RegisterComponents();
        long[] map = [width, request.InputShape[1], request.InputShape[2]];
        Shape = new(request.InputShape, request.Classes, width, [new Tap("map", map, false)]);
    }

    public nn.Module Module => this;

    public NetworkShape Shape { get; }

    public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps)
    {
        var map = nn.functional.relu(bn.call(conv.call(input)));
        var pooled = map.mean([2, 3]);
        return new(fc.call(pooled), pooled, new Dictionary<string, Tensor> { ["map"] = map });
    }

    public override Tensor forward(Tensor input) => Forward(input, null!, []).Logits;
}

/// <summary>A segmentation network with a main and an auxiliary head, both at half the input's size.</summary>
[KdModel("tiny-dense")]
public sealed class TinyDenseModel : ModelPlugin<TinyOptions>
{
    public override INetwork Create(ModelRequest request) => new TinyDenseNetwork(Options.Width, request);
}

public sealed class TinyDenseNetwork : nn.Module<Tensor, Tensor>, INetwork
{
    private readonly Conv2d stem;
    private readonly Conv2d body;
    private readonly Conv2d main;
    private readonly Conv2d aux;

    public TinyDenseNetwork(int width, ModelRequest request)
        : base(nameof(TinyDenseNetwork))
    {
        stem = nn.Conv2d(request.InputShape[0], width, 3, stride: 2, padding: 1);
        body = nn.Conv2d(width, width, 3, padding: 1);
        main = nn.Conv2d(width, request.Classes, 1);
        aux = nn.Conv2d(width, request.Classes, 1);
        RegisterComponents();
        long[] map = [request.Classes, request.InputShape[1] / 2, request.InputShape[2] / 2];
        Shape = new(request.InputShape, request.Classes, 0, [new Tap("aux", map, true)]);
    }

    public nn.Module Module => this;

    public NetworkShape Shape { get; }

    public ModelOutput Forward(Tensor input, Tensor mask, IReadOnlyCollection<string> taps)
    {
        var early = nn.functional.relu(stem.call(input));
        var features = new Dictionary<string, Tensor>();
        if (taps.Contains("aux"))
            features["aux"] = aux.call(early);
        return new(main.call(nn.functional.relu(body.call(early))), null!, features);
    }

    public override Tensor forward(Tensor input) => Forward(input, null!, []).Logits;
}
