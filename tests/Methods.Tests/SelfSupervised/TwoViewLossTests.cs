using System.ComponentModel.DataAnnotations;
using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.SelfSupervised.Tests;

public sealed class TwoViewLossTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static LossBinding Binding(long embedding) =>
        new(
            new Dictionary<string, NetworkShape> { ["student"] = new([3, 8, 8], 10, embedding, []) },
            Stubs.Data([3, 8, 8], 10),
            100,
            CPU
        );

    private static IDistillationLoss Bound(string id)
    {
        IDistillationLoss loss =
            id == "barlow-twins"
                ? Stubs.Plugin<BarlowTwinsLoss>(new BarlowTwinsOptions { Projector = [16, 8] })
                : Stubs.Plugin<NtXentLoss>(new NtXentOptions { Projector = [16, 8] });
        using var seeded = RandomScope.Use(3);
        loss.Bind(Binding(6));
        return loss;
    }

    private static LossContextStub Context(Tensor first, Tensor? second)
    {
        var student = Stubs.Output(first, first);
        var others = new Dictionary<string, ModelOutput>();
        if (second is not null)
            others["second-view"] = Stubs.Output(second, second);
        var batch = new Batch(first, new NoTarget(first.shape[0]), arange(first.shape[0], ScalarType.Int64));
        return new LossContextStub(student, null, batch) { Outputs = others };
    }

    [Theory]
    [InlineData("barlow-twins")]
    [InlineData("nt-xent")]
    public void The_projector_learns_with_the_network(string id)
    {
        var loss = Bound(id);
        var (first, second) = (randn(5, 6, requires_grad: true), randn(5, 6));
        loss.Compute(Context(first, second)).backward();
        Assert.True(first.grad!.abs().sum().item<float>() > 0);
        Assert.All(loss.Module.parameters(), p => Assert.NotNull(p.grad));
        Assert.False(loss.NeedsTeacher);
    }

    [Fact]
    public void Barlow_twins_has_the_reference_projector()
    {
        var names = Bound("barlow-twins").Module.named_parameters().Select(p => (p.name, p.parameter.shape)).ToArray();
        Assert.Equal(
            ["layers.0.weight", "layers.1.weight", "layers.1.bias", "layers.3.weight"],
            names.Select(n => n.name)
        );
        Assert.Equal([8, 16], names[3].shape);
        Assert.Equal([8192, 8192, 8192], new BarlowTwinsOptions().Projector);
    }

    [Fact]
    public void A_network_without_embedding_and_an_unknown_role_are_refused()
    {
        IDistillationLoss loss = Stubs.Plugin<BarlowTwinsLoss>(new BarlowTwinsOptions());
        Assert.Equal(CoreErrors.WrongCombination, Assert.Throws<KdException>(() => loss.Bind(Binding(0))).Code);
        loss = Stubs.Plugin<BarlowTwinsLoss>(new BarlowTwinsOptions { Role = "other" });
        Assert.Equal(CoreErrors.RoleMissing, Assert.Throws<KdException>(() => loss.Bind(Binding(6))).Code);
        var unbound = Stubs.Plugin<NtXentLoss>(new NtXentOptions());
        var context = Context(randn(2, 6), randn(2, 6));
        Assert.Equal(CoreErrors.NotConfigured, Assert.Throws<KdException>(() => unbound.Compute(context)).Code);
    }

    [Theory]
    [InlineData("barlow-twins")]
    [InlineData("nt-xent")]
    public void A_view_without_embedding_and_a_batch_of_one_are_refused(string id)
    {
        var loss = Bound(id);
        string Refusal(LossContextStub context)
        {
            var failure = Assert.Throws<KdException>(() => loss.Compute(context));
            Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
            return failure.Message;
        }
        var other = new LossContextStub(Stubs.Output(ones(4, 6), ones(4, 6)), null, Context(ones(4, 6), null).Batch)
        {
            Outputs = new Dictionary<string, ModelOutput> { ["second-view"] = Stubs.Output(ones(4, 6)) },
        };
        Assert.Contains($"'{id}' needs an embedding [samples, features] of 'second-view', got none", Refusal(other));
        Assert.Contains(
            $"'{id}' compares the samples of a batch with each other and needs at least 2, got [1, 6]",
            Refusal(Context(ones(1, 6), ones(1, 6)))
        );
    }

    [Fact]
    public void Options_out_of_bounds_are_refused()
    {
        Assert.Throws<ValidationException>(() =>
            Stubs.Plugin<BarlowTwinsLoss>(new BarlowTwinsOptions { Projector = [0] })
        );
        Assert.Throws<ValidationException>(() =>
            Stubs.Plugin<BarlowTwinsLoss>(new BarlowTwinsOptions { Projector = [] })
        );
        Assert.Throws<ValidationException>(() =>
            Stubs.Plugin<BarlowTwinsLoss>(new BarlowTwinsOptions { Redundancy = -1 })
        );
        Assert.Throws<ValidationException>(() => Stubs.Plugin<NtXentLoss>(new NtXentOptions { Temperature = 0 }));
    }
}
