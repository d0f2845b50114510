using System.Text.Json;
using KdPlugins.Tests;
using KdPlugins.Torch.Optim;
using TorchSharp.Modules;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Optim;

/// <summary>A small convolutional network, from PyTorch's weights and data (<c>Golden/training.py</c>).</summary>
public class TrainingAgreementTests
{
    private static readonly JsonElement Golden = JsonDocument
        .Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Optim", "Golden", "training.json")))
        .RootElement;

    private static Sequential Network()
    {
        var net = nn.Sequential(
            ("conv1", nn.Conv2d(3, 8, 3, padding: 1, bias: false)),
            ("bn1", nn.BatchNorm2d(8)),
            ("relu1", nn.ReLU()),
            ("pool1", nn.MaxPool2d(2)),
            ("conv2", nn.Conv2d(8, 12, 3, padding: 1)),
            ("bn2", nn.BatchNorm2d(12)),
            ("relu2", nn.ReLU()),
            ("pool2", nn.AvgPool2d(4)),
            ("flatten", nn.Flatten()),
            ("linear", nn.Linear(12, 5))
        );
        using var recordNothing = no_grad();
        foreach (var (name, parameter) in net.named_parameters())
        {
            using var value = Decode(Golden.GetProperty("weights").GetProperty(name), parameter.shape);
            parameter.copy_(value);
        }
        return net;
    }

    private static Tensor Decode(JsonElement text, params long[] shape)
    {
        var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        var bytes = text.GetBytesFromBase64();
        Assert.Equal(bytes.Length, values.Length * sizeof(float));
        Buffer.BlockCopy(bytes, 0, values, 0, bytes.Length);
        return tensor(values).reshape(shape);
    }

    private static NamedOptimizer Optimizer(string kind, Sequential net)
    {
        var decayed = net.named_parameters().Where(p => p.parameter.dim() > 1).ToArray();
        var plain = net.named_parameters().Where(p => p.parameter.dim() <= 1).ToArray();
        return kind switch
        {
            "sgd" => new FusedSgd(
                [new SgdGroup(decayed), new SgdGroup(plain, weightDecay: 0)],
                0.05,
                momentum: 0.9,
                weightDecay: 5e-3,
                nesterov: true
            ),
            _ => new FusedAdam(
                [new AdamGroup(decayed), new AdamGroup(plain, weightDecay: 0)],
                0.01,
                weightDecay: 0.05,
                decoupled: true
            ),
        };
    }

    [SkippableTheory]
    [InlineData("sgd", false)]
    [InlineData("adamw", false)]
    [InlineData("sgd", true)]
    public void Twenty_losses_follow_PyTorch(string kind, bool channelsLast)
    {
        LibTorchFaults.SkipWhereConvolutionsAreWrong();
        using var scope = NewDisposeScope();
        using var net = Network();
        if (channelsLast)
            net.ToChannelsLast();
        using var optimizer = Optimizer(kind, net);
        var inputs = Decode(Golden.GetProperty("inputs"), 4, 8, 3, 8, 8);
        var labels = Golden.GetProperty("labels").Deserialize<long[][]>()!;
        var expected = Golden.GetProperty("losses").GetProperty(kind).Deserialize<double[]>()!;
        net.train();
        for (var t = 0; t < expected.Length; t++)
        {
            using var step = NewDisposeScope();
            optimizer.zero_grad();
            var loss = nn.functional.cross_entropy(net.forward(inputs[t % 4]), tensor(labels[t % 4]));
            loss.backward();
            optimizer.step();
            var relative = Math.Abs(loss.item<float>() / expected[t] - 1);
            Assert.True(relative < 1e-5, $"step {t}: {loss.item<float>()}, PyTorch {expected[t]}: {relative:E1}");
        }
        Assert.True(expected[16] < 0.8 * expected[0]); // the same batch: the recording is one of learning
    }
}
