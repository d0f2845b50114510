using FsCheck.Xunit;
using KdPlugins.Augmentations;
using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Augmentations;

public class RandomCropTests
{
    private static RandomCropAugmentation Make(RandomCropOptions options) =>
        Tests.Make.Plugin<RandomCropAugmentation>(options);

    // Source coordinate of a place beyond the edge, or -1 for the constant.
    private static long Fold(long at, long size, string fill)
    {
        if (at >= 0 && at < size)
            return at;
        if (fill == "constant")
            return -1;
        if (fill == "edge" || size == 1)
            return Math.Clamp(at, 0, size - 1);
        while (at < 0 || at >= size)
            at = at < 0 ? -at : 2 * (size - 1) - at;
        return at;
    }

    [Property(MaxTest = 40)]
    public bool It_is_a_plain_loop_over_pixels_at_the_recorded_offsets(int seed, byte shape, byte padding, byte kind)
    {
        using var scope = NewDisposeScope();
        var (height, width) = (1 + shape % 5, 1 + shape / 16 % 6);
        var fill = new[] { "constant", "edge", "reflect" }[kind % 3];
        var options = new RandomCropOptions
        {
            Padding = padding % 9,
            Fill = fill,
            FillValue = 0.25,
        };
        var batch = Images.Random(seed, 3, 2, height, width);
        batch = batch.WithTarget(Images.MapOf(batch.Input));
        var result = Make(options).Apply(batch, Images.At((ulong)seed));
        var (source, got) = (Images.Values(batch.Input), Images.Values(result.Input));
        var labels = Images.Longs(((ClassMapTarget)batch.Target).Labels);
        var gotLabels = Images.Longs(((ClassMapTarget)result.Target).Labels);
        var offsets = Images.Longs(result.Parameters["random-crop.offsets"]);
        for (var b = 0; b < 3; b++)
        for (var y = 0; y < height; y++)
        for (var x = 0; x < width; x++)
        {
            var (sy, sx) = (Fold(offsets[2 * b] + y, height, fill), Fold(offsets[2 * b + 1] + x, width, fill));
            var outside = sy < 0 || sx < 0;
            for (var c = 0; c < 2; c++)
                if (got[b, c, y, x] != (outside ? 0.25f : source[b, c, sy, sx]))
                    return false;
            var label = outside ? 255 : labels[(b * height + sy) * width + sx];
            if (gotLabels[(b * height + y) * width + x] != label)
                return false;
        }
        return offsets.All(o => Math.Abs(o) <= options.Padding);
    }

    [Property(MaxTest = 40)]
    public bool In_any_layout_and_dtype_a_constant_around_is_what_a_gather_of_single_pixels_gives(
        int seed,
        bool last,
        bool wide
    )
    {
        using var scope = NewDisposeScope();
        var (height, width, padding) = (3 + Math.Abs(seed % 4), 4 + Math.Abs(seed % 5), 1 + Math.Abs(seed % 3));
        var images = Images.Random(seed, 5, 3, height, width).Input;
        images = wide ? images.to(ScalarType.Float64).add(1e-12) : images;
        images = last ? ChannelsLast.ToChannelsLast(images) : images;
        long[] tops = [-padding, 0, padding, 1, -1];
        long[] lefts = [padding, -padding, 0, -1, 1];
        Tensor Places(long[] starts, long length) => tensor(starts).unsqueeze(1) + arange(length, ScalarType.Int64);
        var expected = ImageBatch.Gather(images, Places(tops, height), Places(lefts, width), 0.3);
        var got = ImageBatch.Cut(images, tops, lefts, height, width, padding, 0.3);
        return got.dtype == images.dtype
            && got.IsChannelsLast()
            && got.shape.SequenceEqual(expected.shape)
            && got.eq(expected).all().item<bool>();
    }

    [Fact]
    public void Every_offset_occurs_and_none_beyond_the_padding()
    {
        using var scope = NewDisposeScope();
        var result = Make(new() { Padding = 2 }).Apply(Images.Random(1, 400, 1, 3, 3), Images.At(1));
        var offsets = result.Parameters["random-crop.offsets"];
        foreach (var column in new[] { 0, 1 })
            Assert.Equal([-2, -1, 0, 1, 2], Images.Longs(offsets[.., column]).Distinct().Order());
    }

    [Fact]
    public void Padding_of_zero_changes_nothing()
    {
        using var scope = NewDisposeScope();
        var batch = Images.Random(3, 4, 3, 8, 6);
        var result = Make(new() { Padding = 0 }).Apply(batch, Images.At(9));
        Assert.Equal(Images.Flat(batch.Input), Images.Flat(result.Input));
    }

    [Fact]
    public void Boxes_move_along_are_cut_at_the_edge_and_dropped_where_nothing_is_left()
    {
        using var scope = NewDisposeScope();
        var boxes = tensor(
            new float[,]
            {
                { 0, 0, 2, 2 },
                { 3, 3, 6, 6 },
                { 7, 7, 8, 8 },
            }
        );
        var target = new BoxTarget(
            [.. Enumerable.Repeat(boxes, 64)],
            [.. Enumerable.Repeat(tensor(new long[] { 5, 6, 7 }), 64)]
        );
        var result = Make(new() { Padding = 4 }).Apply(Images.Random(1, 64, 1, 8, 8, target), Images.At(2));
        var offsets = Images.Longs(result.Parameters["random-crop.offsets"]);
        var moved = (BoxTarget)result.Target;
        var dropped = 0;
        for (var i = 0; i < 64; i++)
        {
            var (expected, labels) = (new List<float>(), new List<long>());
            foreach (var (corner, opposite, label) in new[] { (0, 2, 5), (3, 6, 6), (7, 8, 7) })
            {
                float Cut(long value) => Math.Clamp(value, 0, 8);
                var (top, left) = (offsets[2 * i], offsets[2 * i + 1]);
                var box = new[] { Cut(corner - left), Cut(corner - top), Cut(opposite - left), Cut(opposite - top) };
                if (box[2] <= box[0] || box[3] <= box[1])
                    continue;
                expected.AddRange(box);
                labels.Add(label);
            }
            Assert.Equal(expected, Images.Flat(moved.Boxes[i]));
            Assert.Equal(labels, Images.Longs(moved.Labels[i]));
            dropped += 3 - labels.Count;
        }
        Assert.True(dropped > 0, "some boxes have to leave the image for this test to say anything");
    }

    [Fact]
    public void A_size_of_its_own_is_published_and_evaluations_see_the_middle()
    {
        using var scope = NewDisposeScope();
        var crop = Make(new() { Padding = 1, Size = [4] });
        Assert.True(crop.InEvaluation);
        Assert.False(Make(new()).InEvaluation);
        Assert.Equal([3, 4, 4], crop.OutputShape([3, 8, 6]));
        var batch = Images.Random(1, 2, 3, 8, 6);
        var context = new PartContextStub { IsEvaluation = true };
        var middle = crop.Apply(batch, context).Input;
        Assert.Equal(Images.Flat(batch.Input[.., .., 2..6, 1..5]), Images.Flat(middle));
    }

    [Fact]
    public void A_piece_larger_than_the_padded_image_is_refused()
    {
        var failure = Assert.Throws<KdException>(() => Make(new() { Size = [32] }).OutputShape([3, 16, 64]));
        Assert.Equal(CoreErrors.ShapesDiffer, failure.Code);
        failure = Assert.Throws<KdException>(() => Make(new() { Size = [8, 80] }).OutputShape([3, 16, 64]));
        Assert.Contains("8x80", failure.Message);
    }

    [Fact]
    public void A_piece_may_be_a_rectangle()
    {
        using var scope = NewDisposeScope();
        var crop = Make(new() { Padding = 1, Size = [4, 6] });
        Assert.Equal([3, 4, 6], crop.OutputShape([3, 8, 6]));
        var batch = Images.Random(1, 2, 3, 8, 6);
        var middle = crop.Apply(batch, new PartContextStub { IsEvaluation = true }).Input;
        Assert.Equal(Images.Flat(batch.Input[.., .., 2..6, ..]), Images.Flat(middle));
        Assert.Equal([2, 3, 4, 6], crop.Apply(batch, new PartContextStub()).Input.shape);
    }

    [Fact]
    public void Samples_are_changed_alike_in_any_company_and_the_input_stays()
    {
        using var scope = NewDisposeScope();
        Images.SamplesAreChangedAlikeInAnyCompany(Make(new()));
        Images.TheInputStays(Make(new()), new NoTarget(4));
    }

    [Fact]
    public void Generated_samples_without_numbers_are_not_all_cut_alike()
    {
        using var scope = NewDisposeScope();
        var batch = new Batch(rand(32, 1, 8, 8), new NoTarget(32), full([32], -1, ScalarType.Int64));
        var offsets = Make(new()).Apply(batch, Images.At(1)).Parameters["random-crop.offsets"];
        Assert.True(Images.Longs(offsets[.., 0]).Distinct().Count() > 3);
    }
}
