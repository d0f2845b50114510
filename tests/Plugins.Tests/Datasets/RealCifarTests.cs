using KdPlugins.Core;
using KdPlugins.Datasets;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Datasets;

public class RealCifarTests
{
    [SkippableFact]
    public void Every_class_of_the_real_images_is_found_and_its_images_can_be_read()
    {
        using var scope = NewDisposeScope();
        var folder = Path.Combine(TestData.Unpacked("cifar10.tar.gz"), "cifar10");
        using var data = Make.Plugin<ImageFolderPlugin>(new ImageFolderOptions { Path = [folder] }).Open("");
        Assert.Equal(["test", "train"], data.Splits.Order());
        Assert.Equal([3, 32, 32], data.Info.InputShape);
        string[] classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
        Assert.Equal(classes, data.Info.ClassNames);
        var (train, test) = (data.Open("train"), data.Open("test"));
        Assert.Equal((50_000, 10_000), (train.Count, test.Count));
        var batch = test.Read(Enumerable.Range(0, 1000).Select(i => i * 10L).ToArray());
        var labels = ((ClassIndexTarget)batch.Target).Labels;
        Assert.True(labels.bincount(null).eq(100).all().item<bool>());
        // CIFAR-10's own statistics; 1,000 strongly compressed images come near.
        var values = batch.Input.to(ScalarType.Float32) / 255;
        double[] mean = [0.4914, 0.4822, 0.4465];
        for (var c = 0; c < 3; c++)
        {
            Assert.Equal(mean[c], values[.., c].mean().item<float>(), 0.02);
            Assert.Equal(mean[c], data.Info.Mean[c], 0.05);
        }
    }
}
