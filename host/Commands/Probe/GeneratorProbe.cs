using KdPlugins.Core;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Host.Commands.Probe;

/// <summary>A generator: the samples of given latent vectors, or those that it draws, and gradients of a weighted sum.</summary>
internal sealed class GeneratorProbe(IGenerator generator, string who, ProbeInput input, ProbeSettings settings)
    : PluginProbe(who, input, settings)
{
    private const long Most = 65_536;

    protected override IEnumerable<string> KnownNames =>
        [
            "latent",
            "labels",
            "count",
            "cotangent.input",
            .. _recorded,
            .. ProbeData.Names.Except(["data.samples"]),
            .. ProbeContext.ProgressNames,
        ];

    private readonly List<string> _recorded = [];

    /// <summary>What generators take.</summary>
    internal static IEnumerable<ProbeTensor> Accepts =>
        [
            new("latent", "float [B, D]", false, "latent vectors to decode; has a gradient"),
            new("labels", "int64 [B]", false, "the classes wanted of samples that it draws"),
            new("count", "int64 []", false, "how many it draws where no classes are wanted"),
            new("data.shape", "int64 [C, H, W]", true, "what a sample looks like"),
            new("data.classes", "int64 []", false, "the number of classes; default: the largest label + 1"),
            new("data.mean, data.std", "float [C]", false, "per channel"),
            new("drawn.ID.NAME", "as recorded", false, "stands in place of what it would draw"),
            new("cotangent.input", "as the samples", false, "gradients of sum(cotangent * samples); default: of sum"),
        ];

    protected override nn.Module? Make()
    {
        var shape = Input.Need("data.shape", "a generator is bound to what its samples look like.");
        if (
            shape.dtype != ScalarType.Int64
            || shape.dim() != 1
            || shape.shape[0] == 0
            || shape.le(0).any().item<bool>()
        )
            throw ProbeFault.Input($"'data.shape' is {TensorText.Describe(shape)}; expected Int64 sizes above 0.");
        var largest =
            Input.Peek("labels") is { } labels && labels.numel() > 0
                ? labels.max().to(ScalarType.Int64).item<long>() + 1
                : 0;
        generator.Bind(new(ProbeData.Info(Input, largest, shape.data<long>().ToArray()), CPU));
        return generator.Module;
    }

    protected override void Compute()
    {
        var leaves = Module.Leaves.ToList();
        Tensor samples;
        if (Input.Find("latent") is { } latent)
        {
            if (generator is not ILatentGenerator decoder)
                throw ProbeFault.Input($"{Who} decodes no latent vectors; leave 'latent' out and give 'count'.");
            if (!latent.is_floating_point())
                throw ProbeFault.Input($"'latent' is {TensorText.Describe(latent)}; expected floats.");
            leaves.Add(("latent", latent.requires_grad_(true)));
            samples = ProbeFault.Guard(Who, () => "", () => decoder.Decode(latent));
            Output.Add("input", samples);
        }
        else
            samples = Draw();
        AddGradients(Input.Peek("cotangent.input") is null ? samples.sum() : Pull([("input", samples)]), leaves);
    }

    private Tensor Draw()
    {
        var labels = Input.Find("labels");
        if (labels is not null && (labels.dtype != ScalarType.Int64 || labels.dim() != 1))
            throw ProbeFault.Input($"'labels' is {TensorText.Describe(labels)}; expected Int64[samples].");
        if (labels is not null)
            ProbeTargets.RequireClasses("labels", labels, null, (long)Input.Number("data.classes", 0));
        if (labels is null && Input.Peek("count") is null)
            throw ProbeFault.Input($"{Input.Origin} has none of 'latent', 'labels' and 'count'; expected one.");
        var count = (long)Input.Number("count", labels?.shape[0] ?? 0);
        if (count is < 1 or > Most || (labels is not null && labels.shape[0] != count))
            throw ProbeFault.Input($"'count' is {count}; expected 1 to {Most}, and as many as there are labels.");
        var context = new ProbeContext(Input, Output, Settings);
        var batch = ProbeFault.Guard(Who, () => "", () => generator.Sample(count, labels, context));
        Output.Add("input", batch.Input);
        Output.Add("indices", batch.Indices);
        Output.Add("mask", batch.Mask);
        ProbeTargets.Write(batch.Target, Output);
        foreach (var (name, value) in batch.Parameters)
        {
            _recorded.Add(ProbeInput.Draws + name);
            Output.Add(ProbeInput.Draws + name, value);
        }
        return batch.Input;
    }
}
