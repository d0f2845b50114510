using KdPlugins.Core;
using KdPlugins.Models;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using KdPlugins.Torch.Optim;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Benchmarks.Step;

/// <summary>
/// resnet56 teaches resnet20 on a batch of 64 images of CIFAR's shape: cross-entropy plus T² KL at T = 4, SGD with
/// momentum and weight decay.
/// </summary>
internal sealed class DistillationStep : IDisposable
{
    internal const int Batch = 64;
    private const int Batches = 100;
    private const int Classes = 100;
    private const double Temperature = 4;

    private readonly Variant _variant;
    private const int StudentBlocks = 3;
    private const int TeacherBlocks = 9;

    private readonly INetwork _student = Create(StudentBlocks);
    private readonly INetwork _teacher = Create(TeacherBlocks);
    private readonly INetwork _teach;
    private readonly optim.Optimizer _optimizer;
    private readonly Tensor _images;
    private readonly Tensor _labels;
    private long _next;
    private readonly Lap _lap = new();

    internal DistillationStep(Variant variant)
    {
        _variant = variant;
        _teacher.Module.eval();
        if (variant.ChannelsLast)
        {
            _student.Module.ToChannelsLast();
            _teacher.Module.ToChannelsLast();
        }
        _teach = variant.Frozen ? ((IFreezableNetwork)_teacher).Freeze(TeacherDtype(variant)) : _teacher;
        _optimizer = variant.FusedOptimizer
            ? new FusedSgd(_student.Module.named_parameters(), 0.05, momentum: 0.9, weightDecay: 5e-4)
            : optim.SGD(_student.Module.parameters(), 0.05, momentum: 0.9, weight_decay: 5e-4);
        // More than one batch: a student that knows its batch by heart computes with ever smaller numbers, which are slow.
        _images = randn(Batches * Batch, 3, 32, 32);
        _labels = randint(0, Classes, Batches * Batch);
    }

    /// <summary>Milliseconds of each part, summed over all steps so far.</summary>
    internal IReadOnlyDictionary<string, double> Parts => _lap.Totals;

    /// <summary>Two ReLUs and a sum per block and the stem's ReLU; a frozen teacher has none.</summary>
    internal int InPlaceCalls => 3 * 3 * (StudentBlocks + (_variant.Frozen ? 0 : TeacherBlocks)) + 2;

    /// <summary>One step.</summary>
    /// <returns>The loss.</returns>
    internal double Run()
    {
        using var scope = NewDisposeScope();
        _lap.Start();
        var first = _next++ % Batches * Batch;
        var images = _images.narrow(0, first, Batch);
        var labels = _labels.narrow(0, first, Batch);
        if (_variant.ChannelsLast)
            images = images.ToChannelsLast();
        var target = Teach(images);
        _lap.Note("teacher");
        Tensor loss;
        using (Precision())
        {
            var logits = _student.Forward(images, null, null).Logits;
            _lap.Note("student forward");
            loss = Objective(logits.to(ScalarType.Float32), target, labels);
        }
        _optimizer.zero_grad();
        _lap.Note("loss");
        loss.backward();
        _lap.Note("backward");
        _optimizer.step();
        _lap.Note("optimiser");
        return loss.item<float>();
    }

    public void Dispose()
    {
        _optimizer.Dispose();
        _teach.Module.Dispose();
        _teacher.Module.Dispose();
        _student.Module.Dispose();
        _images.Dispose();
        _labels.Dispose();
    }

    // A CIFAR ResNet of so many blocks in each of its three stages.
    private static INetwork Create(int blocks)
    {
        var plugin = new CifarResNetPlugin();
        ((IPlugin)plugin).Configure(new CifarResNetOptions { Depth = 6 * blocks + 2 });
        long[] input = [3, 32, 32];
        var data = new DataInfo(InputKind.Image, input, TargetKind.ClassIndex, Classes, [], [], [], []);
        return plugin.Create(new ModelRequest(input, Classes, data));
    }

    // As the engine does it: where bfloat16 is emulated, float32 is faster and more exact.
    private static ScalarType TeacherDtype(Variant variant) =>
        Autocast.IsNativeOnCpu ? variant.Dtype : ScalarType.Float32;

    private Tensor Teach(Tensor images)
    {
        using var noGrad = no_grad();
        using var precision = _variant.Frozen ? null : Precision();
        return (_teach.Forward(images, null, null).Logits.to(ScalarType.Float32) / Temperature).softmax(1);
    }

    private static Tensor Objective(Tensor logits, Tensor target, Tensor labels)
    {
        var logProbabilities = (logits / Temperature).log_softmax(1);
        var divergence = nn.functional.kl_div(logProbabilities, target, log_target: false, nn.Reduction.Sum) / Batch;
        return nn.functional.cross_entropy(logits, labels) + divergence * (Temperature * Temperature);
    }

    private AutocastScope? Precision() => _variant.Dtype == ScalarType.BFloat16 ? Autocast.BFloat16(CPU) : null;
}
