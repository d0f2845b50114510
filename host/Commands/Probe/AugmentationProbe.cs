using KdPlugins.Core;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>An augmentation on a given batch: the changed batch, what was drawn, the gradient by the input on request.</summary>
internal sealed class AugmentationProbe(
    IAugmentation augmentation,
    string who,
    ProbeInput input,
    ProbeSettings settings
) : PluginProbe(who, input, settings)
{
    private readonly List<string> _recorded = [];

    protected override IEnumerable<string> KnownNames =>
        ["cotangent.input", .. _recorded, .. ProbeData.BatchNames, .. ProbeData.Names, .. ProbeContext.ProgressNames];

    /// <summary>What augmentations take.</summary>
    internal static IEnumerable<ProbeTensor> Accepts =>
        [
            new("input", "float [B, C, H, W], int64 [B, L]", true, "images with values in [0, 1], or token ids"),
            .. LossProbe.BatchTensors,
            new(
                "cotangent.input",
                "as the changed input",
                false,
                "gives grad.input, of sum(cotangent * changed input)"
            ),
        ];

    protected override nn.Module? Make()
    {
        var sample = Input.Need("input", "an augmentation changes an input.");
        if (sample.dim() < 2)
            throw ProbeFault.Input($"'input' is of {sample.dim()} dimensions; expected one row per sample.");
        var largest =
            Input.Peek("target.labels") is { } labels && labels.numel() > 0
                ? labels.max().to(ScalarType.Int64).item<long>() + 1
                : 0;
        augmentation.Bind(ProbeData.Info(Input, largest));
        return null;
    }

    protected override void Compute()
    {
        var sample = Input.Find("input")!;
        var wantsGradient = Input.Peek("cotangent.input") is not null && sample.is_floating_point();
        if (wantsGradient)
            sample.requires_grad_(true);
        var batch = ProbeData.Batch(Input, sample.shape[0], 0);
        Input.MarkRead(ProbeData.BatchNames);
        var context = new ProbeContext(Input, Output, Settings);
        // In an evaluation the engine leaves out what does not belong there.
        var changed =
            Settings.IsEvaluation && !augmentation.InEvaluation
                ? batch
                : ProbeFault.Guard(Who, () => NotGiven("mask"), () => augmentation.Apply(batch, context));
        Output.Add("input", changed.Input);
        Output.Add("indices", changed.Indices);
        Output.Add("mask", changed.Mask);
        ProbeTargets.Write(changed.Target, Output);
        foreach (var (name, value) in changed.Parameters)
        {
            _recorded.Add(ProbeInput.Draws + name);
            Output.Add(ProbeInput.Draws + name, value);
        }
        if (wantsGradient)
            AddGradients(Pull([("input", changed.Input)]), [("input", sample)]);
    }
}
