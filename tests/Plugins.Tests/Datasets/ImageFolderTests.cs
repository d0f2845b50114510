using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Torch;
using SkiaSharp;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Datasets;

public sealed class ImageFolderTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private IDataset Open(ImageFolderOptions? options = null) =>
        Make.Plugin<ImageFolderPlugin>((options ?? new()) with { Path = [_folder.Path] }).Open("");

    private byte[] Pixels(IDataset data, long index, string split = "train")
    {
        using var scope = NewDisposeScope();
        return data.Open(split).Read(new[] { index }).Input.bytes.ToArray();
    }

    private static byte[] Png(
        int width,
        int height,
        Func<int, int, SKColor> colour,
        SKColorType type = SKColorType.Rgba8888
    ) => Pngs.Of(width, height, colour, type);

    private static byte[] Plain(int width, int height, SKColor colour) => Pngs.Plain(width, height, colour);

    private void Put(string path, byte[] bytes) => File.WriteAllBytes(_folder[path.Split('/')], bytes);

    private void PutTwoClasses(string prefix = "")
    {
        Put($"{prefix}cat/b.png", Plain(4, 3, SKColors.Red));
        Put($"{prefix}cat/a.PNG", Plain(4, 3, SKColors.Lime));
        Put($"{prefix}Dog/1.png", Plain(4, 3, SKColors.Blue));
    }

    [Fact]
    public void Classes_and_files_are_in_ordinal_order_and_extensions_of_any_case()
    {
        using var scope = NewDisposeScope();
        PutTwoClasses();
        Put("cat/notes.txt", [1, 2, 3]);
        Put("cat/._b.png", [1, 2, 3]);
        Put(".cache/x.png", [1]);
        var data = Open();
        Assert.Equal(["Dog", "cat"], data.Info.ClassNames);
        Assert.Equal([3, 3, 4], data.Info.InputShape);
        var batch = data.Open("train").Read(new long[] { 0, 1, 2 });
        Assert.Equal([0, 1, 1], ((ClassIndexTarget)batch.Target).Labels.data<long>().ToArray());
        // Blue, lime, red: 255 in the third, second, first plane.
        for (var i = 0; i < 3; i++)
        for (var c = 0; c < 3; c++)
            Assert.All(batch.Input[i, c].bytes.ToArray(), b => Assert.Equal(c == 2 - i ? 255 : 0, b));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(512)]
    public void Reading_is_pure_with_and_without_the_cache(int cache)
    {
        for (var i = 0; i < 6; i++)
            Put($"c{i % 2}/{i}.png", Png(5, 5, (x, y) => new SKColor((byte)(40 * x), (byte)(40 * y), (byte)(30 * i))));
        var source = Open(new() { CacheMegabytes = cache }).Open("train");
        DataAssert.ReadsPurely(source);
    }

    [Fact]
    public void The_cache_spares_decoding_and_its_absence_does_not()
    {
        PutTwoClasses();
        var (kept, fresh) = (Open(), Open(new() { CacheMegabytes = 0 }));
        var before = Pixels(kept, 0);
        Pixels(fresh, 0);
        File.Delete(_folder["Dog", "1.png"]);
        Assert.Equal(before, Pixels(kept, 0));
        DataAssert.Fails(DataErrors.NotFound, () => Pixels(fresh, 0), "1.png");
    }

    [Fact]
    public void Split_folders_are_splits_and_share_the_classes_of_the_training_split()
    {
        using var scope = NewDisposeScope();
        PutTwoClasses("train/");
        Put("test/cat/x.png", Plain(4, 3, SKColors.White));
        var data = Open();
        Assert.Equal(["train", "test"], data.Splits);
        var batch = data.Open("test").Read(new long[] { 0 });
        Assert.Equal(1, ((ClassIndexTarget)batch.Target).Labels.item<long>());
        DataAssert.Fails(DataErrors.SplitMissing, () => data.Open("val"), "train, test");
        Put("test/bird/x.png", Plain(4, 3, SKColors.White));
        DataAssert.Fails(DataErrors.LabelOutOfRange, () => Open(), "bird");
    }

    [Fact]
    public void Classes_can_be_chosen_and_their_images_limited_by_split()
    {
        PutTwoClasses("train/");
        Put("train/cow/1.png", Plain(4, 3, SKColors.Red));
        foreach (var name in new[] { "Dog/1", "cat/1", "cat/2", "cow/1", "yak/1" })
            Put($"test/{name}.png", Plain(4, 3, SKColors.Red));
        var chosen = new ImageFolderOptions { Include = ["cow", "cat"] };

        var all = Open(chosen);
        Assert.Equal(["cat", "cow"], all.Info.ClassNames);
        Assert.Equal((3, 3), (all.Open("train").Count, all.Open("test").Count));
        var few = Open(chosen with { PerClass = 1, TestPerClass = 1 });
        Assert.Equal((2, 2), (few.Open("train").Count, few.Open("test").Count));
        Assert.NotEqual(all.Fingerprint, few.Fingerprint);
        using var scope = NewDisposeScope();
        var target = Assert.IsType<ClassIndexTarget>(few.Open("train").Read(new long[] { 0, 1 }).Target);
        Assert.Equal([0, 1], target.Labels.data<long>().ToArray());

        var missing = Assert.Throws<KdException>(() => Open(new ImageFolderOptions { Include = ["cat", "yak"] }));
        Assert.Equal(DataErrors.LabelOutOfRange, missing.Code);
        Assert.Contains("yak", missing.Message);
    }

    [Fact]
    public void A_class_may_be_called_train()
    {
        Put("train/a.png", Plain(2, 2, SKColors.Red));
        Put("plane/a.png", Plain(2, 2, SKColors.Red));
        Assert.Equal(["plane", "train"], Open().Info.ClassNames);
    }

    [Fact]
    public void Empty_classes_and_folders_without_classes_are_named()
    {
        DataAssert.Fails(DataErrors.EmptyClass, () => Open(), _folder.Path);
        PutTwoClasses();
        Directory.CreateDirectory(_folder["empty"]);
        DataAssert.Fails(DataErrors.EmptyClass, () => Open(), "empty");
    }

    [Theory]
    [InlineData(SKEncodedImageFormat.Png)]
    [InlineData(SKEncodedImageFormat.Jpeg)]
    public void Unreadable_and_truncated_images_are_named(SKEncodedImageFormat format)
    {
        using var bitmap = new SKBitmap(64, 64);
        bitmap.Erase(SKColors.Teal);
        for (var i = 0; i < 64; i++)
            bitmap.SetPixel(i, i, new SKColor((uint)(0xff000000 + 40000 * i)));
        using var data = bitmap.Encode(format, 90);
        var intact = data.ToArray();
        Put("a/first.png", Plain(64, 64, SKColors.Red));
        Put("b/broken.jpg", intact[..(intact.Length * 2 / 3)]);
        DataAssert.Fails(DataErrors.ImageUnreadable, () => Open(), "broken.jpg");
        Put("b/broken.jpg", [1, 2, 3, 4]);
        DataAssert.Fails(DataErrors.ImageUnreadable, () => Open(), "broken.jpg");
        Put("b/broken.jpg", []);
        DataAssert.Fails(DataErrors.ImageUnreadable, () => Open(), "broken.jpg");
    }

    [Fact]
    public void Images_of_several_sizes_need_a_size()
    {
        PutTwoClasses();
        Put("cat/odd.png", Plain(5, 3, SKColors.Red));
        DataAssert.Fails(DataErrors.SizesDiffer, () => Open(), "odd.png", "5x3", "4x3");
        Assert.Equal([3, 8, 8], Open(new() { Size = [8] }).Info.InputShape);
    }

    [Fact]
    public void Cropping_takes_the_middle_and_stretching_everything()
    {
        // Red, green, blue thirds of a wide image.
        Put(
            "a/x.png",
            Png(
                12,
                4,
                (x, _) =>
                    x < 4 ? SKColors.Red
                    : x < 8 ? SKColors.Lime
                    : SKColors.Blue
            )
        );
        var middle = Pixels(Open(new() { Size = [4] }), 0);
        Assert.All(middle[..16], b => Assert.Equal(0, b));
        Assert.All(middle[16..32], b => Assert.Equal(255, b));
        var all = Pixels(Open(new() { Size = [4], Resize = "stretch" }), 0);
        Assert.True(all[0] > 200 && all[3] < 50, "red at the left only");
        Assert.True(all[32] < 50 && all[35] > 200, "blue at the right only");
    }

    [Fact]
    public void Huge_dimensions_are_refused_before_memory_is_taken()
    {
        PutTwoClasses();
        var png = Plain(4, 3, SKColors.Red);
        // Width and height stand in the IHDR chunk, followed by its checksum.
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(16), 60000);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(20), 60000);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(png.AsSpan(29), Crc(png.AsSpan(12, 17)));
        Put("cat/huge.png", png);
        DataAssert.Fails(DataErrors.TooLarge, () => Open(), "huge.png", "60000x60000");
    }

    [Fact]
    public void Files_beyond_the_limit_are_refused_unread()
    {
        PutTwoClasses();
        using (var file = File.Create(_folder["cat", "long.png"]))
            file.SetLength((512L << 20) + 1);
        DataAssert.Fails(DataErrors.TooLarge, () => Open(), "long.png");
    }

    [Theory]
    [InlineData(SKColorType.Gray8)]
    [InlineData(SKColorType.Rgb565)]
    [InlineData(SKColorType.RgbaF16)]
    public void Other_colour_types_become_red_green_blue(SKColorType type)
    {
        Put("a/x.png", Png(3, 2, (_, _) => SKColors.White, type));
        Assert.All(Pixels(Open(), 0), b => Assert.Equal(255, b));
    }

    [Fact]
    public void Transparency_is_dropped_not_blended()
    {
        Put("a/x.png", Plain(2, 2, new SKColor(200, 100, 50, 128)));
        Assert.Equal([200, 200, 200, 200, 100, 100, 100, 100, 50, 50, 50, 50], Pixels(Open(), 0));
    }

    [Fact]
    public void Grey_is_brightness()
    {
        Put("a/x.png", Plain(1, 1, new SKColor(200, 100, 50)));
        var data = Open(new() { Grey = true });
        Assert.Equal([1, 1, 1], data.Info.InputShape);
        // 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2
        Assert.Equal([124], Pixels(data, 0));
    }

    // The corner of the stored image that is red, by what EXIF says about where the first row and column belong.
    [Theory]
    [InlineData(1, 0, 0)]
    [InlineData(2, 1, 0)]
    [InlineData(3, 1, 1)]
    [InlineData(4, 0, 1)]
    [InlineData(5, 0, 0)]
    [InlineData(6, 1, 0)]
    [InlineData(7, 1, 1)]
    [InlineData(8, 0, 1)]
    public void Images_stand_upright_by_their_exif_orientation(byte orientation, int right, int bottom)
    {
        using var bitmap = new SKBitmap(32, 16);
        for (var y = 0; y < 16; y++)
        for (var x = 0; x < 32; x++)
            bitmap.SetPixel(
                x,
                y,
                x < 8 && y < 8 ? SKColors.Red
                    : x >= 24 && y < 8 ? SKColors.Blue
                    : SKColors.White
            );
        using var jpeg = bitmap.Encode(SKEncodedImageFormat.Jpeg, 100);
        Put("a/x.jpg", WithOrientation(jpeg.ToArray(), orientation));
        var data = Open();
        var swapped = orientation >= 5;
        var (height, width) = swapped ? (32, 16) : (16, 32);
        Assert.Equal([3, height, width], data.Info.InputShape);
        var planes = Pixels(data, 0);
        (byte Red, byte Blue) At(int x, int y) => (planes[y * width + x], planes[(2 * height + y) * width + x]);
        int X(int side) => side == 0 ? 2 : width - 3;
        int Y(int side) => side == 0 ? 2 : height - 3;
        var (red, blue) = At(X(right), Y(bottom));
        Assert.True(red > 200 && blue < 60, "the first pixel of the file is at the corner that EXIF names");
        // The other end of the first row: along x where rows stay rows, along y where they become columns.
        var (farRed, farBlue) = swapped ? At(X(right), Y(1 - bottom)) : At(X(1 - right), Y(bottom));
        Assert.True(farRed < 60 && farBlue > 200, "the first row runs in the direction that EXIF names");
    }

    [Fact]
    public void Links_are_followed_but_not_in_circles()
    {
        PutTwoClasses("real/");
        Put("real/bird/z.png", Plain(4, 3, SKColors.White));
        File.CreateSymbolicLink(_folder["real", "bird", "link.png"], _folder["real", "cat", "a.PNG"]);
        Directory.CreateSymbolicLink(_folder["real", "bird", "more"], "../cat");
        var options = new ImageFolderOptions { Path = [_folder["real"]] };
        IDataset Real() => Make.Plugin<ImageFolderPlugin>(options).Open("");
        Assert.Equal(3 + 4, Real().Open("train").Count);
        Directory.CreateSymbolicLink(_folder["real", "bird", "loop"], "..");
        DataAssert.Fails(DataErrors.LinkLoop, Real, "loop");
    }

    [Fact]
    public void The_fingerprint_follows_names_contents_and_what_is_done_to_the_images()
    {
        PutTwoClasses();
        var before = Open().Fingerprint;
        Assert.Equal(before, Open().Fingerprint);
        Assert.NotEqual(before, Open(new() { Size = [8] }).Fingerprint);
        Assert.NotEqual(before, Open(new() { Grey = true }).Fingerprint);
        Put("cat/c.png", Plain(4, 3, SKColors.Red));
        var more = Open().Fingerprint;
        Assert.NotEqual(before, more);
        File.Move(_folder["cat", "c.png"], _folder["cat", "d.png"]);
        Assert.NotEqual(more, Open().Fingerprint);
    }

    [Fact]
    public void Statistics_are_those_of_the_images()
    {
        Put("a/x.png", Plain(2, 2, new SKColor(255, 0, 51)));
        Put("a/y.png", Plain(2, 2, new SKColor(0, 0, 51)));
        var info = Open().Info;
        Assert.Equal([0.5, 0, 0.2], info.Mean.Select(m => Math.Round(m, 6)));
        Assert.Equal([0.5, 0, 0], info.Std.Select(s => Math.Round(s, 4)));
    }

    private static byte[] WithOrientation(byte[] jpeg, byte orientation)
    {
        byte[] tiff =
        [
            .. "MM"u8,
            0,
            42,
            0,
            0,
            0,
            8,
            0,
            1,
            0x01,
            0x12,
            0,
            3,
            0,
            0,
            0,
            1,
            0,
            orientation,
            0,
            0,
            0,
            0,
            0,
            0,
        ];
        byte[] body = [.. "Exif"u8, 0, 0, .. tiff];
        return [.. jpeg[..2], 0xff, 0xe1, 0, (byte)(body.Length + 2), .. body, .. jpeg[2..]];
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
        {
            crc ^= b;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xedb88320 : crc >> 1;
        }
        return ~crc;
    }

    [Fact]
    public async Task A_pipe_among_the_images_is_refused_and_not_waited_for()
    {
        PutTwoClasses();
        File.Delete(_folder["cat/b.png"]);
        System.Diagnostics.Process.Start("mkfifo", [_folder["cat/b.png"]]).WaitForExit();

        var open = Task.Run(() => Record.Exception(() => Open().Open("train").Read(new long[] { 0, 1, 2 })));

        Assert.Same(open, await Task.WhenAny(open, Task.Delay(TimeSpan.FromSeconds(30))));
        Assert.Equal("KDP0411", Assert.IsType<KdException>(await open).Code.Id);
    }

    [Fact]
    public void Several_roots_are_one_data_set_by_the_names_of_their_classes()
    {
        PutTwoClasses("one/");
        Put("two/train/cat/c.png", Plain(4, 3, SKColors.White));
        Put("two/train/bird/d.png", Plain(4, 3, SKColors.Black));
        Put("two/test/bird/e.png", Plain(4, 3, SKColors.Black));
        IDataset Both(params string[] names) =>
            Make.Plugin<ImageFolderPlugin>(
                    new ImageFolderOptions { Path = [.. names.Select(n => Path.Combine(_folder.Path, n))] }
                )
                .Open("");
        var data = Both("one", "two");
        Assert.Equal(["Dog", "bird", "cat"], data.Info.ClassNames);
        Assert.Equal((5, 1), (data.Open("train").Count, data.Open("test").Count));
        var source = (ILabelledSource)data.Open("train");
        Assert.Equal([0, 2, 2, 1, 2], Enumerable.Range(0, 5).Select(i => (int)source.ClassOf(i)));
        DataAssert.ReadsPurely(source);
        Assert.NotEqual(data.Fingerprint, Both("one").Fingerprint);
        Assert.Equal(data.Fingerprint, Both("one", "two").Fingerprint);
        DataAssert.Fails(DataErrors.NotFound, () => Both("one", "one"), "twice");
        DataAssert.Fails(DataErrors.NotFound, () => Both("one", "nowhere"), "nowhere");
    }

    [Fact]
    public void Rectangles_keep_proportions_by_cutting_and_lose_them_by_stretching()
    {
        // Four columns: red, green, blue, white; 8 wide and 8 high.
        SKColor[] columns = [SKColors.Red, SKColors.Lime, SKColors.Blue, SKColors.White];
        Put("a/x.png", Png(8, 8, (x, _) => columns[x / 2]));
        var wide = Open(new() { Size = [2, 4] });
        Assert.Equal([3, 2, 4], wide.Info.InputShape);
        // The middle four rows of all columns: each column's red.
        Assert.Equal([255, 0, 0, 255], Pixels(wide, 0)[..4]);
        var high = Open(new() { Size = [8, 4] });
        Assert.Equal([3, 8, 4], high.Info.InputShape);
        // The middle four columns: green and blue only.
        Assert.Equal([0, 0, 0, 0], Pixels(high, 0)[..4]);
        Assert.Equal([255, 255, 0, 0], Pixels(high, 0)[32..36]);
        Assert.Equal(255, Pixels(Open(new() { Size = [8, 4], Resize = "stretch" }), 0)[0]);
        Assert.NotEqual(wide.Fingerprint, high.Fingerprint);
    }

    [Fact]
    public void Damaged_images_are_left_out_up_to_the_stated_share_and_named()
    {
        for (var i = 0; i < 20; i++)
            Put($"a/{i:00}.png", Plain(4, 3, new SKColor((byte)i, 0, 0)));
        Put("b/good.png", Plain(4, 3, SKColors.Lime));
        Put("a/05.png", [1, 2, 3]);
        Put("a/09.png", Plain(4, 3, SKColors.Red)[..40]);
        DataAssert.Fails(
            DataErrors.ImageUnreadable,
            () => Open().Open("train").Read(Enumerable.Range(0, 21).Select(i => (long)i).ToArray()),
            "05.png"
        );
        DataAssert.Fails(
            DataErrors.ImageUnreadable,
            () => Open(new() { SkipCorrupt = 0.05 }),
            "2 of the 21 images",
            "05.png",
            "09.png",
            "\"skipCorrupt\" allows a share of 0.05"
        );
        var data = Open(new() { SkipCorrupt = 0.1 });
        var doubt = Assert.Single(data.Info.Doubts);
        Assert.Contains("2 of the 21 images of split 'train' cannot be decoded", doubt);
        Assert.EndsWith("They are left out.", doubt);
        var source = (ILabelledSource)data.Open("train");
        Assert.Equal(19, source.Count);
        // The sixth image is what was the seventh, and the only one of class b is still the last.
        Assert.Equal(6, Pixels(data, 5)[0]);
        Assert.Equal(1, source.ClassOf(18));
        DataAssert.ReadsPurely(source);
        Assert.Empty(Open(new() { SkipCorrupt = 0.1, Include = ["b"] }).Info.Doubts);
    }

    [Fact]
    public void Images_that_stand_in_two_splits_are_told_of()
    {
        for (var i = 0; i < 12; i++)
            Put($"train/a/{i:00}.png", Plain(4, 3, new SKColor((byte)(20 * i), 0, 0)));
        Put("train/b/x.png", Plain(4, 3, SKColors.Lime));
        Put("test/b/x.png", Plain(4, 3, SKColors.Lime));
        Put("test/a/other.png", Plain(4, 3, SKColors.Azure));
        Put("val/b/other.png", Plain(4, 3, SKColors.Bisque));
        var told = Assert.Single(Open().Info.Doubts);
        Assert.StartsWith("1 images of split 'test' stand in 'train' too", told);
        Assert.Contains(
            $"'{Path.Combine(_folder.Path, "test", "b", "x.png")}' is '{Path.Combine(_folder.Path, "train", "b", "x.png")}'",
            told
        );
        for (var i = 0; i < 12; i++)
            Put($"val/a/{i:00}.png", Plain(4, 3, new SKColor((byte)(20 * i), 0, 0)));
        Assert.Contains(Open().Info.Doubts, d => d.StartsWith("12 images of split 'val'") && d.EndsWith("and 7 more."));
        // As many bytes, and the last of them another.
        var longer = new byte[9000];
        Put("train/b/x.png", [.. Plain(4, 3, SKColors.Lime), .. longer]);
        longer[^1] = 1;
        Put("test/b/x.png", [.. Plain(4, 3, SKColors.Lime), .. longer]);
        Assert.DoesNotContain(Open().Info.Doubts, d => d.Contains("'test' stand"));
    }

    [Fact]
    public void What_else_lies_in_a_folder_is_not_told()
    {
        PutTwoClasses();
        var error = Assert.Throws<KdException>(() => Open(new() { Include = ["bird"] }));
        Assert.DoesNotContain("cat", error.Message);
        Assert.Contains("no class bird among its 2 folders", error.Message);
    }
}
