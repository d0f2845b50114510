using KdPlugins.Core;
using KdPlugins.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Testing;

internal sealed class AugmentationChecks<T>(AugmentationSettings settings)
    : PartChecks<T, IAugmentation>(PluginKind.Augmentation, settings)
    where T : class, IAugmentation, new()
{
    private const long Classes = 4;
    private static readonly long[] Shape = [3, 8, 8];

    protected override IEnumerable<ConformanceCheck> Own() =>
        [
            Check("golden values", Golden),
            Check("determinism", Determinism),
            Check("global generator", () => KeepsGlobalGenerator(() => Apply(Bound(Shape), Images(0), 0))),
            Check("inputs unchanged", InputsUnchanged),
            Check("hidden state", HiddenState),
            Check("memory", Memory),
            Check("shapes", Shapes),
            Check("evaluation", Evaluation),
            Check("drawn parameters", Parameters),
            Check("samples alone", SamplesAlone),
            Check("wrong inputs", WrongInputs),
            Check("resume", Resume),
            Check("CPU and CUDA", Parity),
        ];

    private static Batch Images(long step, long count = 6) =>
        Tensors.Images(Key.Derive("images").Derive(step), Shape, count, Classes);

    private T Bound(long[] shape)
    {
        var augmentation = New();
        augmentation.Bind(
            new(
                InputKind.Image,
                shape,
                TargetKind.ClassIndex,
                Classes,
                [],
                [.. Enumerable.Repeat(0.5, (int)shape[0])],
                [.. Enumerable.Repeat(0.25, (int)shape[0])],
                []
            )
        );
        return augmentation;
    }

    private Batch Apply(T augmentation, Batch batch, long step, bool evaluation = false) =>
        Apply(augmentation, batch, Key.Derive(step), evaluation);

    private Batch Apply(T augmentation, Batch batch, RandomKey key, bool evaluation = false)
    {
        var answer = settings.Network ?? (x => Stubs.Output(x.flatten(1).to(ScalarType.Float32)[.., ..(int)Classes]));
        var context = new PartContextStub
        {
            Progress = new("test", 0, 100, 10),
            Random = key,
            IsEvaluation = evaluation,
            Device = batch.Input.device,
            Values = settings.Values,
            Networks = augmentation.Consults.ToDictionary(r => r, _ => answer),
        };
        return Seeded(key, () => augmentation.Apply(batch, context));
    }

    private string Golden()
    {
        foreach (var golden in settings.Golden)
        {
            var batch = golden.Batch();
            var (got, expected) = (Apply(Bound(batch.Input.shape[1..]), batch, golden.Key).Input, golden.Expected());
            if (!got.shape.AsSpan().SequenceEqual(expected.shape))
                throw Fail(
                    $"it gives {TensorText.Shape(got.shape)} where {TensorText.Shape(expected.shape)} is known."
                );
            if (Tensors.Difference(got, expected) is var off && !(off <= golden.Tolerance))
                throw Fail($"its result is off from the known one by {off:G3}, more than {golden.Tolerance:G3}.");
        }
        return settings.Golden.Count > 0 ? "" : "the settings give no golden values.";
    }

    private void Determinism()
    {
        var batch = Images(0);
        var first = Apply(Bound(Shape), batch, 0);
        Thread.Sleep(2);
        if (!settings.DrawsFromTorch)
            rand(3);
        if (Tensors.Differing(first, Apply(Bound(Shape), batch, 0)) is { } what)
            throw Fail(
                $"the same batch with the same key comes out with another {what}. Everything that is drawn has to follow from "
                    + "context.Random."
            );
    }

    private void InputsUnchanged()
    {
        var batch = Images(0);
        var all = Tensors.Of(batch).ToList();
        var before = all.ConvertAll(t => t.Value.clone());
        Apply(Bound(Shape), batch, 0);
        for (var i = 0; i < all.Count; i++)
            if (!Tensors.Same(before[i], all[i].Value))
                throw Fail($"it changes the batch's {all[i].Name} in place; other views are made of the same batch.");
    }

    private void HiddenState()
    {
        var worked = Bound(Shape);
        for (var step = 0; step < 3; step++)
            Apply(worked, Images(step), step);
        if (Tensors.Differing(Apply(worked, Images(3), 3), Apply(Bound(Shape), Images(3), 3)) is { } what)
            throw Fail(
                $"after three batches it gives another {what} than a new instance: something is kept in fields, which a resumed "
                    + "run would not have."
            );
    }

    private void Memory()
    {
        var augmentation = Bound(Shape);
        KeepsMemory(i => Apply(augmentation, Images(i), i));
    }

    private void Shapes()
    {
        foreach (var (shape, count) in ((long[], long)[])[(Shape, 1), ([1, 5, 7], 4), ([3, 8, 8], 5)])
        {
            var batch = Tensors.Images(Key, shape, count, Classes);
            foreach (var input in (Tensor[])[batch.Input, batch.Input.ToChannelsLast()])
                Fits(shape, batch.WithInput(input));
        }
    }

    private void Fits(long[] shape, Batch batch)
    {
        var augmentation = Bound(shape);
        Batch got;
        try
        {
            got = Apply(augmentation, batch, 0);
        }
        catch (KdException)
        {
            return; // It may refuse a shape, if it says so.
        }
        var said = augmentation.OutputShape(shape);
        if (!got.Input.shape[1..].AsSpan().SequenceEqual([.. said]))
            throw Fail(
                $"OutputShape says {TensorText.Shape([.. said])} for {TensorText.Shape(shape)}, and Apply gives "
                    + $"{TensorText.Shape(got.Input.shape[1..])}."
            );
        if (got.Target.Count != got.Count || got.Indices.shape[0] != got.Count)
            throw Fail(
                $"it gives {got.Count} inputs, {got.Target.Count} targets and {got.Indices.shape[0]} sample numbers."
            );
        if (got.Input.dtype != batch.Input.dtype || got.Indices.dtype != ScalarType.Int64)
            throw Fail($"float32 images come out as {got.Input.dtype}, sample numbers as {got.Indices.dtype}.");
        if (!Tensors.Finite(got.Input))
            throw Fail($"images {TensorText.Shape(batch.Input.shape)} come out with values that are not finite.");
    }

    // What belongs to evaluations may draw nothing there, and a gradient has to pass.
    private string Evaluation()
    {
        var augmentation = Bound(Shape);
        if (!augmentation.InEvaluation)
            return "";
        var batch = Images(0);
        var (a, b) = (Apply(augmentation, batch, 0, true), Apply(augmentation, batch, 1, true));
        if (Tensors.Differing(a, b) is { } what)
            throw Fail($"in an evaluation its {what} depends on the random stream; nothing may be random there.");
        var leaf = batch.Input.clone().requires_grad_(true);
        if (!Apply(augmentation, batch.WithInput(leaf), 0, true).Input.requires_grad)
            throw Fail("in an evaluation it cuts the graph to the input, which methods that change images need.");
        return "";
    }

    private void Parameters()
    {
        var (id, got) = (Id, Apply(Bound(Shape), Images(0), 0));
        foreach (var name in got.Parameters.Keys)
            if (!name.StartsWith($"{id}.", StringComparison.Ordinal))
                throw Fail($"it calls a drawn parameter '{name}'; names begin with its id, '{id}.'.");
    }

    // Answers to its views are stored by sample.
    private string SamplesAlone()
    {
        var augmentation = Bound(Shape);
        if (augmentation is not ISampleWiseAugmentation { IsSampleWise: true })
            return "";
        if (augmentation.Consults.Count > 0)
            throw Fail(
                "it says that a sample's view follows from that sample alone (IsSampleWise), and consults networks."
            );
        var rows = tensor(new long[] { 4, 1, 2 });
        var (all, some) = (Apply(augmentation, Images(0), 0), Apply(augmentation, Images(0).Select(rows), 0));
        if (all.Count != 6 || !(Tensors.Difference(all.Input.index_select(0, rows), some.Input) <= 1e-5))
            throw Fail(
                "it says that a sample's view follows from that sample alone (IsSampleWise), and gives other views of the same "
                    + "samples beside others. Draw for each sample from context.Random.Derive(its number)."
            );
        return "";
    }

    private void WrongInputs()
    {
        var tokens = new Batch(zeros([4, 6], ScalarType.Int64), new NoTarget(4), arange(4, ScalarType.Int64));
        var unlabelled = Images(0).WithTarget(new NoTarget(6));
        foreach (
            var (name, batch) in ((string, Batch)[])
                [("token ids [4, 6]", tokens), ("images without a target", unlabelled)]
        )
            try
            {
                Apply(Bound(Shape), batch, 0);
            }
            catch (KdException) { }
            catch (Exception e)
            {
                throw new ConformanceException(
                    $"{name} end in {e.GetType().Name}; a KdException that says what it takes and what it got is expected.",
                    e
                );
            }
    }

    private void Resume()
    {
        var section = $$"""[{ "id": "{{Id}}", "options": {{OptionsJson}} }]""";
        Resumes(settings.Recipe ?? KitParts.Recipe(augmentations: section), "student-last.safetensors", 3);
    }

    // Draws on a device are that device's; what draws nothing has to agree.
    private string Parity()
    {
        if (NoCuda() is { Length: > 0 } reason)
            return reason;
        var batch = Images(0).To(CUDA);
        var (a, b) = (Apply(Bound(Shape), batch, 0), Apply(Bound(Shape), batch, 0));
        if (a.Input.device_type != TorchSharp.DeviceType.CUDA)
            throw Fail("a batch on the CUDA device comes back on the CPU.");
        if (Tensors.Differing(a, b) is { } what)
            throw Fail($"on the CUDA device the same key gives another {what}.");
        var augmentation = Bound(Shape);
        if (!augmentation.InEvaluation)
            return "";
        var off = Tensors.Difference(
            Apply(augmentation, Images(0), 0, true).Input,
            Apply(augmentation, batch, 0, true).Input
        );
        return off <= 1e-4 ? "" : throw Fail($"CPU and CUDA device differ by {off:G3}.");
    }
}
