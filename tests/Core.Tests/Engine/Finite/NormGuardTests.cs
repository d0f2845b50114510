using KdPlugins.Sdk;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Core.Tests.Engine.Finite;

/// <summary>Norm layers in training refuse one value per channel, wherever they are.</summary>
public sealed class NormGuardTests : IDisposable
{
    private static readonly IPluginCatalog Catalog = EngineRun.Catalog.With(typeof(HeadedLoss), typeof(MaskedModel));

    private readonly Runs.TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static nn.Module<Tensor, Tensor> Norm(string kind) =>
        kind switch
        {
            "batch-1" => nn.BatchNorm1d(4),
            "batch-2" => nn.BatchNorm2d(4),
            "batch-3" => nn.BatchNorm3d(4),
            "instance-1" => nn.InstanceNorm1d(4),
            "instance-2" => nn.InstanceNorm2d(4),
            "group" => nn.GroupNorm(4, 4),
            "group-of-2" => nn.GroupNorm(2, 4),
            _ => nn.LayerNorm(4),
        };

    [Theory]
    [InlineData("batch-1", new long[] { 1, 4 }, true)]
    [InlineData("batch-1", new long[] { 1, 4, 1 }, true)]
    [InlineData("batch-1", new long[] { 2, 4 }, false)]
    [InlineData("batch-1", new long[] { 1, 4, 2 }, false)]
    [InlineData("batch-2", new long[] { 1, 4, 1, 1 }, true)]
    [InlineData("batch-2", new long[] { 1, 4, 1, 2 }, false)]
    [InlineData("batch-2", new long[] { 2, 4, 1, 1 }, false)]
    [InlineData("batch-3", new long[] { 1, 4, 1, 1, 1 }, true)]
    [InlineData("instance-1", new long[] { 4, 4, 1 }, true)]
    [InlineData("instance-2", new long[] { 4, 4, 1, 1 }, true)]
    [InlineData("instance-2", new long[] { 1, 4, 2, 1 }, false)]
    [InlineData("group", new long[] { 4, 4, 1, 1 }, true)]
    [InlineData("group-of-2", new long[] { 1, 4, 1, 1 }, false)]
    [InlineData("layer", new long[] { 1, 4 }, false)]
    public void One_value_per_channel_is_refused_in_training_alone(string kind, long[] shape, bool refused)
    {
        using var scope = NewDisposeScope();
        var net = nn.Sequential(("first", nn.Identity()), ("norm", Norm(kind)));
        NormGuard.attach("the network of 'student'", net);
        net.eval();
        net.call(randn(shape));
        net.train();
        if (!refused)
        {
            net.call(randn(shape));
            return;
        }
        var failure = Assert.Throws<KdException>(() => net.call(randn(shape)));
        Assert.Equal(TrainingErrors.OneValue.Id, failure.Code.Id);
        Assert.StartsWith("Layer 'norm' (", failure.Detail);
        Assert.Contains($") of the network of 'student' got {TensorText.Shape(shape)};", failure.Detail);
        // Nothing was counted in.
        if (kind.StartsWith("batch"))
            Assert.True(net.state_dict()["norm.running_var"].eq(1).all().item<bool>());
    }

    [Theory]
    [InlineData("cross-entropy", "tiny-masked", 1, "'norm' (BatchNorm1d) of the network of 'student' got [1, 4]")]
    [InlineData("headed", "tiny", 1, "'norm' (BatchNorm1d) of the loss 'headed' got [1, 3]")]
    [InlineData("headed", "tiny", 2, null)]
    [InlineData("cross-entropy", "tiny", 1, null)] // maps of 8x8
    public void A_run_and_its_check_refuse_it(string loss, string model, int batch, string? layer)
    {
        var recipe = FiniteRuns
            .Recipe($$"""{ "id": "{{loss}}" }""", model: model)
            .Replace("\"batchSize\": 16", $"\"batchSize\": {batch}");
        var read = RecipeReader.ReadText(recipe, ".", RecipeOverrides.None, Catalog);
        var few = new PreflightOptions { Samples = 8, Steps = 2 };
        if (layer is null)
        {
            Preflight.Run(read, Catalog, few);
            return;
        }
        foreach (
            var call in (Action[])
                [() => Preflight.Run(read, Catalog, few), () => FiniteRuns.Run(Catalog, recipe, _folder["run"])]
        )
        {
            var failure = Assert.Throws<KdException>(call);
            Assert.Equal(TrainingErrors.OneValue.Id, failure.Code.Id);
            Assert.Contains(layer, failure.Detail);
        }
    }
}
