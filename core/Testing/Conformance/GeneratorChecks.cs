using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

internal sealed class GeneratorChecks<T>(GeneratorSettings settings)
    : PartChecks<T, IGenerator>(PluginKind.Generator, settings)
    where T : class, IGenerator, new()
{
    private readonly DataInfo _data =
        settings.Data ?? new(InputKind.Image, [3, 8, 8], TargetKind.ClassIndex, 4, [], [], [], []);

    protected override IEnumerable<ConformanceCheck> Own() =>
        [
            Check("samples", Samples),
            Check("gradient", Gradient),
            Check("determinism", Determinism),
            Check("global generator", () => KeepsGlobalGenerator(() => Sample(Bound(), 0))),
            Check("hidden state", HiddenState),
            Check("names", () => Names(Bound().Module)),
            Check("memory", Memory),
            Check("classes", Classes),
            Check("wrong data", WrongData),
            Check("CPU and CUDA", Parity),
        ];

    private T Bound(ulong seed = 1, Device? device = null, DataInfo? data = null)
    {
        var generator = New();
        using (RandomScope.Use(seed))
            generator.Bind(new(data ?? _data, device ?? CPU));
        return generator;
    }

    private Batch Sample(T generator, long step, long count = 5, Tensor? labels = null, Device? device = null)
    {
        var context = new PartContextStub { Random = Key.Derive(step), Device = device ?? CPU };
        return Seeded(Key.Derive(step), () => generator.Sample(count, labels!, context));
    }

    private void Samples()
    {
        foreach (var count in (long[])[2, 5])
        {
            var batch = Sample(Bound(), 0, count);
            long[] expected = [count, .. _data.InputShape];
            if (!batch.Input.shape.AsSpan().SequenceEqual(expected))
                throw Fail(
                    $"{count} samples are {TensorText.Shape(batch.Input.shape)}, not {TensorText.Shape(expected)}."
                );
            if (batch.Target.Count != count || !Tensors.Same(batch.Indices, full([count], -1L, ScalarType.Int64)))
                throw Fail($"{count} samples need {count} targets, and -1 as their numbers: they are in no data set.");
            if (!Tensors.Finite(batch.Input))
                throw Fail("samples have values that are not finite.");
            if (
                _data.Kind == InputKind.Image
                && (batch.Input.min().item<float>() < 0 || batch.Input.max().item<float>() > 1)
            )
                throw Fail("images have values outside of [0, 1].");
        }
    }

    // Every parameter has to be reached; the derivative is checked where the latent vector can be given.
    private string Gradient()
    {
        var generator = Bound();
        if (generator.Module is not { } module)
            return "it has no parameters.";
        Sample(generator, 0).Input.square().sum().backward();
        var idle = module.named_parameters().Where(p => p.parameter.requires_grad && p.parameter.grad is null);
        if (idle.Select(p => p.name).FirstOrDefault() is { } name)
            throw Fail($"no gradient reaches its parameter '{name}': it would never be trained.");
        if (generator is not ILatentGenerator latent)
            return "the gradient's value is not checked: it does not implement ILatentGenerator.";
        module.to(ScalarType.Float64);
        using var random = Key.NewGenerator(CPU);
        var z = randn([3, latent.Latent], ScalarType.Float64, generator: random);
        var weights = randn([3, .. _data.InputShape], ScalarType.Float64, generator: random);
        var error = GradientCheck.Error(x => (latent.Decode(x) * weights).sum(), z);
        return error <= 1e-5
            ? ""
            : throw Fail($"its gradient by the latent vector is off from central differences by {error:G3}.");
    }

    private void Determinism()
    {
        var first = Sample(Bound(), 0);
        Thread.Sleep(2);
        if (!settings.DrawsFromTorch)
            rand(3);
        if (Tensors.Differing(first, Sample(Bound(), 0)) is { } what)
            throw Fail(
                $"the same key gives another {what}. Everything that is drawn has to follow from context.Random."
            );
        if (Tensors.Same(first.Input, Sample(Bound(), 1).Input))
            throw Fail("another key gives the same samples: it does not draw from context.Random.");
    }

    private void HiddenState()
    {
        var worked = Bound();
        for (var step = 0; step < 3; step++)
            Sample(worked, step);
        var fresh = Bound(seed: 2);
        Tensors.Restore(fresh.Module, Tensors.Copy(worked.Module));
        if (Tensors.Differing(Sample(worked, 3), Sample(fresh, 3)) is { } what)
            throw Fail(
                $"after three calls its {what} differs from that of a new instance with its module's state: parameters and buffers "
                    + "of Module are all that a checkpoint holds."
            );
    }

    private void Memory()
    {
        var generator = Bound();
        KeepsMemory(i => Sample(generator, i));
    }

    private string Classes()
    {
        if (_data.Classes == 0)
            return "the data have no classes.";
        var labels = arange(5, ScalarType.Int64).remainder(_data.Classes);
        try
        {
            var batch = Sample(Bound(), 0, 5, labels);
            if (batch.Target is not ClassIndexTarget target || !Tensors.Same(target.Labels, labels))
                throw Fail("it takes classes that are wanted, and its samples' targets are not these.");
        }
        catch (KdException) { }
        return "";
    }

    private void WrongData()
    {
        DataInfo[] others =
        [
            new(InputKind.Tokens, [-1], TargetKind.Tokens, 10, [], [], [], ["a", "b"]),
            new(InputKind.Image, [1, 5, 7], TargetKind.ClassIndex, 4, [], [], [], []),
        ];
        foreach (var data in others)
            try
            {
                var batch = Sample(Bound(data: data), 0);
                if (!batch.Input.shape[1..].AsSpan().SequenceEqual([.. data.InputShape]))
                    throw Fail(
                        $"for data of {TensorText.Shape([.. data.InputShape])} it makes {TensorText.Shape(batch.Input.shape[1..])}."
                    );
            }
            catch (KdException) { }
            catch (Exception e) when (e is not ConformanceException)
            {
                throw new ConformanceException(
                    $"data of {TensorText.Shape([.. data.InputShape])} end in {e.GetType().Name}; a KdException from Bind that says "
                        + "what it makes is expected.",
                    e
                );
            }
    }

    private string Parity()
    {
        if (NoCuda() is { Length: > 0 } reason)
            return reason;
        var (here, there) = (Bound(), Bound(device: CUDA));
        if (Sample(there, 0, device: CUDA).Input.device_type != TorchSharp.DeviceType.CUDA)
            throw Fail("samples for the CUDA device lie on the CPU.");
        if (here is not ILatentGenerator a || there is not ILatentGenerator b)
            return "";
        there = Bound(device: CUDA);
        b = (ILatentGenerator)there;
        Tensors.Restore(there.Module, Tensors.Copy(Bound().Module));
        var z = ones(4, a.Latent).mul(0.1);
        a = (ILatentGenerator)Bound();
        var off = Tensors.Difference(a.Decode(z), b.Decode(z.to(CUDA)));
        return off <= 1e-3 ? "" : throw Fail($"CPU and CUDA device differ by {off:G3}.");
    }
}
