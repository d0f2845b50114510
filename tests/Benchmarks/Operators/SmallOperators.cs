using BenchmarkDotNet.Attributes;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Benchmarks.Operators;

/// <summary>Nanoseconds per operator on next to nothing: what the binding and the dispatcher cost.</summary>
[InProcess]
[MemoryDiagnoser]
public class SmallOperators
{
    private Tensor _x = null!;
    private Tensor _y = null!;
    private Tensor _image = null!;
    private Tensor _leaf = null!;
    private FrozenConv2d _frozen = null!;
    private TorchSharp.Modules.Conv2d _plain = null!;

    /// <summary>One thread: threads only add noise to operators of this size.</summary>
    [GlobalSetup]
    public void Setup()
    {
        NativeRuntime.Start();
        set_num_threads(1);
        (_x, _y) = (randn(4), randn(4));
        _leaf = randn(4).requires_grad_();
        _image = randn(1, 4, 4, 4).ToChannelsLast();
        _plain = nn.Conv2d(4, 4, 1);
        _frozen = FrozenConv2d.From(_plain);
    }

    /// <summary>TorchSharp, two tensors in, one out.</summary>
    [Benchmark(Baseline = true)]
    public void Multiply() => (_x * _y).Dispose();

    /// <summary>TorchSharp, one tensor in, one out.</summary>
    [Benchmark]
    public void Relu() => _x.relu().Dispose();

    /// <summary>TorchSharp with a number, which it wraps.</summary>
    [Benchmark]
    public void MultiplyByNumber() => (_x * 2f).Dispose();

    /// <summary>TorchSharp with a graph recorded.</summary>
    [Benchmark]
    public void MultiplyWithGraph() => (_leaf * _y).Dispose();

    /// <summary>Ours through the stable ABI.</summary>
    [Benchmark]
    public void ToChannelsLast() => _image.ToChannelsLast().Dispose();

    /// <summary>Ours: opening and closing a scope.</summary>
    [Benchmark]
    public void AutocastScope() => Autocast.BFloat16(CPU).Dispose();

    /// <summary>TorchSharp's convolution module.</summary>
    [Benchmark]
    public void Convolution()
    {
        using var noGrad = no_grad();
        _plain.call(_image).Dispose();
    }

    /// <summary>Ours, frozen.</summary>
    [Benchmark]
    public void FrozenConvolution() => _frozen.call(_image).Dispose();
}
