using KdPlugins.Augmentations;
using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Losses;
using KdPlugins.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests;

public class LeakTests
{
    [Fact]
    public void Reading_augmenting_and_losing_in_a_scope_leaves_no_tensor_behind()
    {
        var data = Make.Plugin<ShapesPlugin>(new ShapesOptions { Size = [8], Train = 64 }).Open("");
        IAugmentation[] augmentations =
        [
            Make.Plugin<RandomCropAugmentation>(new RandomCropOptions()),
            Make.Plugin<HorizontalFlipAugmentation>(new HorizontalFlipOptions()),
            Make.Plugin<RandomResizedCropAugmentation>(new RandomResizedCropOptions()),
            Make.Plugin<ColorJitterAugmentation>(new ColorJitterOptions()),
            Make.Plugin<GrayscaleAugmentation>(new GrayscaleOptions { Probability = 0.5 }),
            Make.Plugin<GaussianBlurAugmentation>(new GaussianBlurOptions()),
            Make.Plugin<SolarizeAugmentation>(new SolarizeOptions()),
            Make.Plugin<PosterizeAugmentation>(new PosterizeOptions()),
            Make.Plugin<EqualizeAugmentation>(new EqualizeOptions()),
            Make.Plugin<RandomRotationAugmentation>(new RandomRotationOptions()),
            Make.Plugin<RandomAffineAugmentation>(new RandomAffineOptions { Degrees = 10 }),
            Make.Plugin<AutoAugmentAugmentation>(new AutoAugmentOptions()),
            Make.Plugin<RandAugmentAugmentation>(new RandAugmentOptions()),
            Make.Plugin<TrivialAugmentAugmentation>(new TrivialAugmentOptions()),
            Make.Plugin<CutoutAugmentation>(new CutoutOptions()),
            Make.Plugin<NormaliseAugmentation>(new NormaliseOptions()),
            Make.Plugin<MixupAugmentation>(new MixupOptions()),
            Make.Plugin<CutmixAugmentation>(new CutmixOptions()),
        ];
        foreach (var augmentation in augmentations)
            augmentation.Bind(data.Info);
        IDistillationLoss[] losses =
        [
            Make.Plugin<CrossEntropyLoss>(new CrossEntropyOptions { LabelSmoothing = 0.1 }),
            Make.Plugin<KdLoss>(new KdOptions()),
        ];
        var train = data.Open("train");

        void Step(ulong step)
        {
            using var scope = NewDisposeScope();
            var batch = train.Read(new long[] { 1, 2, 3, 4 });
            batch = batch.WithInput(batch.Input.to(ScalarType.Float32) / 255);
            foreach (var augmentation in augmentations)
                batch = augmentation.Apply(batch, new PartContextStub { Random = new RandomKey(step) });
            var student = batch.Input.flatten(1)[.., ..12].clone().requires_grad_(true);
            foreach (var loss in losses)
                loss.Compute(Make.Loss(student, student.detach() + 1, batch)).backward();
        }

        Step(0);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (ulong step = 1; step < 50; step++)
            Step(step);
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }
}
