using FsCheck.Xunit;
using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Datasets;

public class ShapesTests
{
    private static IDataset Open(ShapesOptions options) => Make.Plugin<ShapesPlugin>(options).Open(".");

    private static long[] First(int count) => [.. Enumerable.Range(0, count).Select(i => (long)i)];

    private static byte[] Bytes(ShapesOptions options, string split = "train")
    {
        using var scope = NewDisposeScope();
        return Open(options).Open(split).Read(First(4)).Input.bytes.ToArray();
    }

    [Theory]
    [InlineData("class")]
    [InlineData("mask")]
    [InlineData("boxes")]
    public void Reading_is_a_pure_function_of_the_numbers(string target) =>
        DataAssert.ReadsPurely(Open(new() { Target = target, Train = 50 }).Open("train"));

    [Fact]
    public void Seed_and_split_choose_the_images_and_equal_options_give_equal_bytes()
    {
        Assert.Equal(Bytes(new()), Bytes(new()));
        Assert.NotEqual(Bytes(new()), Bytes(new() { Seed = 2 }));
        Assert.NotEqual(Bytes(new()), Bytes(new(), "test"));
        Assert.NotEqual(Bytes(new()), Bytes(new() { DomainShift = 0.5 }));
    }

    [Theory]
    [InlineData("class")]
    [InlineData("mask")]
    [InlineData("boxes")]
    public void Classes_from_one_on_are_those_of_the_whole_set_with_labels_from_0(string target)
    {
        using var scope = NewDisposeScope();
        IDataset Of(int classes, int first) =>
            Open(
                new()
                {
                    Classes = classes,
                    FirstClass = first,
                    Objects = 1,
                    Target = target,
                    Noise = 0,
                    Train = 18,
                }
            );
        var (all, rest) = (Of(18, 0), Of(4, 14));
        var offset = target == "mask" ? 1 : 0;
        Assert.Equal(all.Info.ClassNames.Skip(14 + offset), rest.Info.ClassNames.Skip(offset));
        Assert.NotEqual(rest.Fingerprint, Of(4, 0).Fingerprint);
        Assert.NotEqual(rest.Fingerprint, Of(4, 13).Fingerprint);
        // Number 0 draws as any number 0 does, but for its class.
        var (first, crescent) = (Of(4, 0).Open("train").Read(First(1)), rest.Open("train").Read(First(1)));
        Assert.NotEqual(first.Input.bytes.ToArray(), crescent.Input.bytes.ToArray());
        var labels = rest.Open("train").Read(First(4)).Target switch
        {
            ClassIndexTarget index => index.Labels.data<long>().ToArray(),
            ClassMapTarget map => [.. map.Labels.amax([1, 2]).data<long>().ToArray().Select(l => l - 1)],
            BoxTarget boxes => boxes.Labels.SelectMany(l => l.data<long>().ToArray()).ToArray(),
            _ => [],
        };
        Assert.Equal([0, 1, 2, 3], labels);
    }

    [Fact]
    public void Classes_are_balanced_and_named()
    {
        using var scope = NewDisposeScope();
        var data = Open(
            new()
            {
                Classes = 8,
                Train = 80,
                Test = 16,
            }
        );
        var batch = data.Open("train").Read(First(80));
        Assert.Equal([80, 3, 16, 16], batch.Input.shape);
        Assert.Equal(ScalarType.Byte, batch.Input.dtype);
        var labels = ((ClassIndexTarget)batch.Target).Labels.data<long>().ToArray();
        Assert.All(labels.GroupBy(l => l), g => Assert.Equal(10, g.Count()));
        Assert.Equal(8, data.Info.Classes);
        Assert.Equal(8, data.Info.ClassNames.Distinct().Count());
        Assert.Equal("striped disc", data.Info.ClassNames[1]);
        Assert.Equal(16, data.Open("test").Count);
    }

    [Property(MaxTest = 20)]
    public bool Boxes_are_the_extents_of_the_mask_where_one_object_stands_free(byte seed, byte size)
    {
        using var scope = NewDisposeScope();
        var options = new ShapesOptions
        {
            Size = [12 + size % 40],
            Seed = seed,
            Objects = 1,
            Occlusion = 0,
            Train = 6,
        };
        var maps = (ClassMapTarget)Open(options with { Target = "mask" }).Open("train").Read(First(6)).Target;
        var boxes = (BoxTarget)Open(options with { Target = "boxes" }).Open("train").Read(First(6)).Target;
        for (var i = 0; i < 6; i++)
        {
            var seen = maps.Labels[i].ne(0).nonzero().data<long>().ToArray().Chunk(2).ToArray();
            var extents = new float[]
            {
                seen.Min(p => p[1]),
                seen.Min(p => p[0]),
                seen.Max(p => p[1]) + 1,
                seen.Max(p => p[0]) + 1,
            };
            var label = boxes.Labels[i].item<long>();
            if (!extents.SequenceEqual(boxes.Boxes[i].data<float>().ToArray()) || label != i % 12)
                return false;
            if (!maps.Labels[i].masked_select(maps.Labels[i].ne(0)).eq(label + 1).all().item<bool>())
                return false;
        }
        return true;
    }

    [Fact]
    public void Masks_and_boxes_show_several_objects_within_the_image()
    {
        using var scope = NewDisposeScope();
        var masks = Open(
            new()
            {
                Target = "mask",
                Size = [32],
                Train = 40,
            }
        );
        Assert.Equal(TargetKind.ClassMap, masks.Info.Target);
        Assert.Equal(13, masks.Info.Classes);
        Assert.Equal("background", masks.Info.ClassNames[0]);
        var map = (ClassMapTarget)masks.Open("train").Read(First(40)).Target;
        Assert.Equal([40, 32, 32], map.Labels.shape);
        Assert.InRange(map.Labels.max().item<long>(), 1, 12);
        var boxes = (BoxTarget)
            Open(
                    new()
                    {
                        Target = "boxes",
                        Size = [32],
                        Train = 40,
                    }
                )
                .Open("train")
                .Read(First(40))
                .Target;
        Assert.Contains(boxes.Boxes, b => b.shape[0] == 3);
        Assert.Contains(boxes.Boxes, b => b.shape[0] == 1);
        for (var i = 0; i < 40; i++)
        {
            var (box, labels) = (boxes.Boxes[i], boxes.Labels[i]);
            Assert.Equal([labels.shape[0], 4], box.shape);
            Assert.True(box.ge(0).all().item<bool>() && box.le(32).all().item<bool>());
            Assert.True(box[.., 0].lt(box[.., 2]).all().item<bool>() && box[.., 1].lt(box[.., 3]).all().item<bool>());
        }
    }

    [Fact]
    public void The_shifted_domain_has_less_contrast_and_keeps_the_classes()
    {
        using var scope = NewDisposeScope();
        var options = new ShapesOptions { Noise = 0, Train = 400 };
        double Contrast(double shift)
        {
            var batch = Open(options with { DomainShift = shift }).Open("train").Read(First(400));
            Assert.Equal(1, ((ClassIndexTarget)batch.Target).Labels[1].item<long>());
            return batch.Input.to(ScalarType.Float32).std([2, 3]).mean().item<float>();
        }
        Assert.True(Contrast(1) < 0.85 * Contrast(0));
    }

    [Fact]
    public void The_published_statistics_are_those_of_the_images()
    {
        using var scope = NewDisposeScope();
        var data = Open(new() { Train = 1000 });
        var images = data.Open("train").Read(First(1000)).Input.to(ScalarType.Float32) / 255;
        for (var c = 0; c < 3; c++)
        {
            Assert.Equal(images[.., c].mean().item<float>(), data.Info.Mean[c], 0.02);
            Assert.Equal(images[.., c].std().item<float>(), data.Info.Std[c], 0.02);
        }
    }

    [Fact]
    public void The_fingerprint_tells_every_option_apart()
    {
        var usual = new ShapesOptions();
        ShapesOptions[] others =
        [
            usual with
            {
                Size = [17],
            },
            usual with
            {
                Classes = 9,
            },
            usual with
            {
                Train = 10,
            },
            usual with
            {
                Test = 10,
            },
            usual with
            {
                Target = "mask",
            },
            usual with
            {
                Objects = 2,
            },
            usual with
            {
                Noise = 0.2,
            },
            usual with
            {
                Clutter = 1,
            },
            usual with
            {
                Occlusion = 0.1,
            },
            usual with
            {
                DomainShift = 0.1,
            },
            usual with
            {
                Seed = 7,
            },
        ];
        var prints = others.Append(usual).Select(o => Open(o).Fingerprint).ToArray();
        Assert.Equal(prints.Length, prints.Distinct().Count());
        Assert.All(prints, p => Assert.Matches("^[0-9a-f]{64}$", p));
        Assert.Equal(Open(new()).Fingerprint, Open(usual).Fingerprint);
    }

    [Fact]
    public void A_split_that_does_not_exist_is_answered_with_those_that_do() =>
        DataAssert.Fails(DataErrors.SplitMissing, () => Open(new()).Open("val"), "'val'", "train, test");

    [Fact]
    public void Options_out_of_bounds_do_not_pass_validation()
    {
        Assert.False(Make.Passes(new ShapesOptions { Size = [4] }));
        Assert.False(Make.Passes(new ShapesOptions { Target = "pixels" }));
        Assert.False(Make.Passes(new ShapesOptions { Classes = 19 }));
        Assert.True(Make.Passes(new ShapesOptions()));
        Assert.False(Make.Passes(new ShapesOptions { FirstClass = -1 }));
        Assert.Throws<KdException>(() => Open(new() { Classes = 10, FirstClass = 9 }));
    }

    [Fact]
    public void Images_may_be_rectangles_whose_masks_and_boxes_fit()
    {
        using var scope = NewDisposeScope();
        var wide = Open(
            new()
            {
                Size = [12, 24],
                Target = "mask",
                Train = 40,
            }
        );
        Assert.Equal([3, 12, 24], wide.Info.InputShape);
        var batch = wide.Open("train").Read(Enumerable.Range(0, 40).Select(i => (long)i).ToArray());
        Assert.Equal([40, 3, 12, 24], batch.Input.shape);
        var map = ((ClassMapTarget)batch.Target).Labels;
        Assert.Equal([40, 12, 24], map.shape);
        // Objects stand in all of the image: in its left and its right half.
        Assert.True(map[.., .., ..12].ne(0).any().item<bool>() && map[.., .., 12..].ne(0).any().item<bool>());
        var high = Open(
            new()
            {
                Size = [24, 12],
                Target = "boxes",
                Train = 40,
            }
        );
        var boxes = (BoxTarget)high.Open("train").Read(Enumerable.Range(0, 40).Select(i => (long)i).ToArray()).Target;
        var all = cat([.. boxes.Boxes]);
        Assert.True(all[.., 2].le(12).all().item<bool>() && all[.., 3].gt(12).any().item<bool>());
        Assert.NotEqual(
            wide.Fingerprint,
            Open(
                new()
                {
                    Size = [24, 12],
                    Target = "mask",
                    Train = 40,
                }
            ).Fingerprint
        );
        Assert.Equal(Bytes(new() { Size = [16, 16] }), Bytes(new()));
        Assert.False(Make.Passes(new ShapesOptions { Size = [16, 4] }));
    }
}
