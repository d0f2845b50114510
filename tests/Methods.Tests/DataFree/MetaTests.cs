using KdPlugins.Core;
using KdPlugins.Testing;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace KdPlugins.DataFree.Tests;

/// <summary>What a meta generator learns from its copy, on one of two parameters.</summary>
public sealed class MetaTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private sealed class Registry : IStateRegistry
    {
        public Dictionary<string, Parameter> Kept { get; } = [];

        public void Register(string name, nn.Module state) => throw new NotSupportedException();

        public void Register(string name, Parameter state) => Kept.Add(name, state);

        public ICounter Counter(string name, long initial) => throw new NotSupportedException();

        public IPool Pool(string name, long capacity) => throw new NotSupportedException();
    }

    private sealed class Planning(Registry registry) : PlanContextStub
    {
        public override IStateRegistry State => registry;
    }

    private sealed class Applied : StepContextStub
    {
        public Dictionary<string, double[]> Gradients { get; } = [];

        public override void Apply(Trainable trainable)
        {
            foreach (var (name, p) in trainable.Parameters)
                Gradients[name] = [.. p.grad!.data<float>().ToArray().Select(v => (double)v)];
        }
    }

    private static (MetaGenerator Meta, Linear Own, Registry Kept) Made(DataFreeOptions options)
    {
        var (registry, own) = (new Registry(), nn.Linear(1, 1));
        var settings = SettingsModule.resolve(options, 8);
        return (new(new Planning(registry), options, settings, own), own, registry);
    }

    private static void Told(Linear own, float weight, float bias)
    {
        own.weight!.grad = tensor(new[] { weight }).view(1, 1);
        own.bias!.grad = tensor(new[] { bias });
    }

    [Fact]
    public void Golden_6_fomaml_takes_the_plain_sum_of_all_inner_gradients()
    {
        var (meta, own, _) = Made(new() { Method = Method.FastMeta, Steps = 3 });
        var step = new Applied();
        using (no_grad())
            meta.Begin();
        foreach (var (w, b) in new[] { (1f, -2f), (0.5f, 4f), (-3f, 1f) })
        {
            Told(own, w, b);
            meta.Gather();
        }
        meta.Learn(step);
        Assert.Equal([-1.5], step.Gradients["weight"]);
        Assert.Equal([3.0], step.Gradients["bias"]);
        // The next batch begins from nothing.
        using (no_grad())
            meta.Begin();
        Told(own, 2, 2);
        meta.Gather();
        meta.Learn(step);
        Assert.Equal([2.0], step.Gradients["weight"]);
    }

    [Fact]
    public void Reptile_takes_the_way_that_the_copy_went()
    {
        var (meta, own, kept) = Made(new() { MetaUpdate = MetaUpdate.Reptile, ReptileFactor = 10 });
        var step = new Applied();
        using (no_grad())
        {
            own.weight!.fill_(5);
            meta.Begin();
            // It begins where the meta generator is.
            Assert.Equal(kept.Kept["meta.weight"].item<float>(), own.weight.item<float>());
            own.weight.sub_(0.25);
        }
        Told(own, 7, 7);
        meta.Gather();
        meta.Learn(step);
        Assert.Equal(2.5, step.Gradients["weight"][0], 1e-5);
        Assert.Equal([0.0], step.Gradients["bias"]);
    }

    [Fact]
    public void The_outer_rate_is_as_many_times_the_inner_one_as_there_are_updates()
    {
        var (meta, _, _) = Made(new() { Steps = 5, LearningRate = 0.003 });
        Assert.Equal(0.015, meta.Trainable.Optimiser.LearningRate, 1e-12);
    }

    [Fact]
    public void A_reset_draws_the_first_layers_anew_and_leaves_the_others()
    {
        var registry = new Registry();
        var own = nn.Sequential(
            ("a", nn.Linear(30, 20)),
            ("b", nn.BatchNorm1d(20)),
            ("c", nn.BatchNorm2d(20)),
            ("d", nn.Linear(20, 2))
        );
        var options = new DataFreeOptions();
        var meta = new MetaGenerator(new Planning(registry), options, SettingsModule.resolve(options, 8), own);
        var before = registry.Kept.ToDictionary(p => p.Key, p => p.Value.detach().clone());
        using (no_grad())
            meta.Reset(new(3));
        foreach (var name in (string[])["meta.a.weight", "meta.c.weight"])
        {
            Assert.InRange(registry.Kept[name].std().item<float>(), 0.008, 0.03);
            Assert.InRange(registry.Kept[name].mean().item<float>(), -0.02, 0.02);
        }
        Assert.Equal(0, registry.Kept["meta.a.bias"].abs().max().item<float>());
        Assert.Equal(0, registry.Kept["meta.c.bias"].abs().max().item<float>());
        foreach (var name in (string[])["meta.b.weight", "meta.d.weight", "meta.d.bias"])
            Assert.Equal(before[name], registry.Kept[name].detach());
    }
}
