using KdPlugins.Core;
using KdPlugins.Datasets;
using KdPlugins.Torch;
using SkiaSharp;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Datasets;

public sealed class SegmentationFolderTests : IDisposable
{
    private static readonly string[] Three = ["a", "b", "c"];
    private readonly TempFolder _folder = new();
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    private void Put(string path, byte[] bytes) => File.WriteAllBytes(_folder[path.Split('/')], bytes);

    private void PutImage(string path, int width = 6, int height = 4) =>
        Put(path, Pngs.Of(width, height, (x, y) => new SKColor((byte)(10 * x), (byte)(20 * y), 7)));

    private IDataset Open(SegmentationFolderOptions? options = null) =>
        Make.Plugin<SegmentationFolderPlugin>((options ?? new() { Classes = Three }) with { Path = _folder.Path })
            .Open("");

    private static long[] Labels(IDataset data, string split = "train", long index = 0) =>
        ((ClassMapTarget)data.Open(split).Read(new[] { index }).Target).Labels.flatten().data<long>().ToArray();

    private static long[] Grid(int width, int height, Func<int, int, int> value) =>
        [.. from y in Enumerable.Range(0, height) from x in Enumerable.Range(0, width) select (long)value(x, y)];

    private static int Pattern(int x, int y) => (x + 2 * y) % 3;

    // Image libraries look palettes up and scale few bits: here 2 of 4 levels would become 170.
    [Theory]
    [InlineData(0, 8)]
    [InlineData(1, 8)]
    [InlineData(2, 8)]
    [InlineData(3, 8)]
    [InlineData(4, 8)]
    [InlineData(0, 4)]
    [InlineData(4, 2)]
    public void Indexes_of_palettes_and_levels_of_grey_are_the_labels(int filter, int depth)
    {
        PutImage("train/1.png");
        PutImage("train/2.png");
        Put("trainannot/1.png", LabelPngs.Palette(6, 4, Pattern, [0xff0000, 0xff0000, 0x00ff00], depth, filter));
        Put("trainannot/2.png", LabelPngs.Grey(6, 4, Pattern, depth, filter));
        using var data = Open();
        Assert.Equal(TargetKind.ClassMap, data.Info.Target);
        Assert.Equal([3, 4, 6], data.Info.InputShape);
        Assert.Equal(Grid(6, 4, Pattern), Labels(data));
        Assert.Equal(Grid(6, 4, Pattern), Labels(data, index: 1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void Colours_become_classes(int filter)
    {
        int[] colours = [0x804080, 0xc0c0c0, 0x000000];
        PutImage("images/train/1.png");
        Put("labels/train/1_L.png", LabelPngs.Rgb(6, 4, (x, y) => colours[Pattern(x, y)], filter));
        SegmentationFolderOptions options = new()
        {
            Classes = ["road", "pole"],
            Colours = ["#123456 #804080", "#C0C0C0"],
            IgnoredColours = ["#000000"],
        };
        using var data = Open(options);
        Assert.Equal(Grid(6, 4, (x, y) => Pattern(x, y) is var p && p == 2 ? 255 : p), Labels(data));
    }

    [Fact]
    public void A_palettes_colours_are_looked_up_where_the_options_say_so()
    {
        PutImage("train/1.png");
        Put("train_masks/1.png", LabelPngs.Palette(6, 4, Pattern, [0xff0000, 0x00ff00, 0x0000ff]));
        SegmentationFolderOptions options = new()
        {
            Classes = Three,
            Colours = ["#0000ff", "#00ff00", "#ff0000"],
            Palettes = "colour",
        };
        using var data = Open(options);
        Assert.Equal(Grid(6, 4, (x, y) => 2 - Pattern(x, y)), Labels(data));
    }

    [Fact]
    public void Labels_may_begin_elsewhere_and_be_left_out()
    {
        PutImage("images/training/1.png");
        PutImage("images/validation/1.png");
        Put("annotations/training/1.png", LabelPngs.Grey(6, 4, (x, _) => x));
        Put("annotations/validation/1.png", LabelPngs.Grey(6, 4, (x, _) => x == 5 ? 200 : 4));
        SegmentationFolderOptions options = new()
        {
            Classes = ["p", "q", "r", "s"],
            FirstLabel = 1,
            Ignored = [0, 5],
            IgnoreIndex = 200,
        };
        using var data = Open(options);
        Assert.Equal(["train", "val"], data.Splits.Order());
        Assert.Equal(Grid(6, 4, (x, _) => x is 0 or 5 ? 200 : x - 1), Labels(data));
        Assert.Equal(Grid(6, 4, (x, _) => x == 5 ? 200 : 3), Labels(data, "val"));
        Assert.Equal(200, ((ClassMapTarget)data.Open("val").Read(new long[] { 0 }).Target).IgnoreIndex);
    }

    [Theory]
    [InlineData(CityscapesLabels.LabelIds, 7, 0)]
    [InlineData(CityscapesLabels.LabelIds, 33, 18)]
    [InlineData(CityscapesLabels.LabelIds, 6, 255)]
    [InlineData(CityscapesLabels.LabelTrainIds, 18, 18)]
    [InlineData(CityscapesLabels.LabelTrainIds, 255, 255)]
    public void Cityscapes_is_found_with_its_classes(CityscapesLabels kind, int stored, int label)
    {
        var name = kind == CityscapesLabels.LabelIds ? "labelIds" : "labelTrainIds";
        foreach (var split in (string[])["train", "val"])
        {
            PutImage($"leftImg8bit/{split}/ulm/ulm_000_leftImg8bit.png");
            Put($"gtFine/{split}/ulm/ulm_000_gtFine_{name}.png", LabelPngs.Grey(6, 4, (_, _) => stored));
        }
        using var data = Open(new() { Cityscapes = kind });
        Assert.Equal(19, data.Info.Classes);
        Assert.Equal("bicycle", data.Info.ClassNames[18]);
        Assert.All(Labels(data, "val"), l => Assert.Equal(label, l));
    }

    [Fact]
    public void Voc_is_found_by_its_lists()
    {
        foreach (var name in (string[])["one", "two", "three"])
        {
            Put($"JPEGImages/{name}.jpg", Pngs.Plain(6, 4, SKColors.Red));
            Put($"SegmentationClass/{name}.png", LabelPngs.Palette(6, 4, (x, _) => x == 0 ? 255 : 20, new int[256]));
        }
        File.WriteAllText(_folder["ImageSets", "Segmentation", "train.txt"], "one\r\n\nthree\n");
        File.WriteAllText(_folder["ImageSets", "Segmentation", "val.txt"], "two");
        using var data = Open(new());
        Assert.Equal(2, data.Open("train").Count);
        Assert.Equal(1, data.Open("val").Count);
        Assert.Equal(("tvmonitor", 21), (data.Info.ClassNames[20], data.Info.Classes));
        Assert.Equal(Grid(6, 4, (x, _) => x == 0 ? 255 : 20), Labels(data));
    }

    // Colours of Pascal VOC's own tables.
    [Theory]
    [InlineData(0, 0x000000)]
    [InlineData(1, 0x800000)]
    [InlineData(15, 0xc08080)]
    [InlineData(20, 0x004080)]
    public void Voc_maps_in_colours_are_read_too(int label, int colour)
    {
        Put("JPEGImages/one.jpg", Pngs.Plain(6, 4, SKColors.Red));
        Put("SegmentationClass/one.png", LabelPngs.Rgb(6, 4, (x, _) => x == 0 ? 0xe0e0c0 : colour));
        File.WriteAllText(_folder["ImageSets", "Segmentation", "train.txt"], "one");
        using var data = Open(new());
        Assert.Equal(Grid(6, 4, (x, _) => x == 0 ? 255 : label), Labels(data));
    }

    // Every label of the result stands at the nearest place of the map: none is made up between two.
    [Theory]
    [InlineData("stretch", 3, 5)]
    [InlineData("crop", 3, 5)]
    [InlineData("crop", 9, 4)]
    public void Maps_follow_the_images_size_without_new_labels(string resize, int height, int width)
    {
        PutImage("train/1.png", 12, 8);
        Put("trainannot/1.png", LabelPngs.Grey(12, 8, (x, y) => x < 6 ? 0 : 10));
        SegmentationFolderOptions options = new()
        {
            Layout = "folders",
            Classes = [.. Enumerable.Range(0, 11).Select(i => $"c{i}")],
            Size = [height, width],
            Resize = resize,
        };
        using var data = Open(options);
        Assert.Equal([3, height, width], data.Info.InputShape);
        var labels = Labels(data);
        Assert.Equal([0, 10], labels.Distinct().Order());
        Assert.All(labels.Chunk(width), row => Assert.Equal(row.Order(), row));
        Assert.InRange(labels.Count(l => l == 0) / (double)labels.Length, 0.4, 0.76);
    }

    // A map that is painted into the image stays equal to it, at any size that divides.
    [Fact]
    public void Map_and_image_show_the_same_part()
    {
        Put("train/1.png", Pngs.Of(24, 8, (x, _) => new SKColor((byte)(x / 4), 0, 0)));
        Put("trainannot/1.png", LabelPngs.Grey(24, 8, (x, _) => x / 4));
        SegmentationFolderOptions options = new() { Classes = ["0", "1", "2", "3", "4", "5"], Size = [4] };
        using var data = Open(options);
        var batch = data.Open("train").Read(new long[] { 0 });
        Assert.Equal(
            batch.Input[0, 0].to(ScalarType.Int64).flatten().data<long>().ToArray(),
            ((ClassMapTarget)batch.Target).Labels.flatten().data<long>().ToArray()
        );
    }

    [Theory]
    [InlineData(0)]
    [InlineData(512)]
    public void Reading_is_pure_with_and_without_the_cache(int cache)
    {
        for (var i = 0; i < 6; i++)
        {
            PutImage($"train/{i}.png");
            var shift = i;
            Put($"trainannot/{i}.png", LabelPngs.Grey(6, 4, (x, y) => (x + y + shift) % 3));
        }
        using var data = Open(new() { Classes = Three, CacheMegabytes = cache });
        DataAssert.ReadsPurely(data.Open("train"));
        for (var i = 5; i >= 0; i--)
            Assert.Equal(Grid(6, 4, (x, y) => (x + y + i) % 3), Labels(data, index: i));
    }

    [Fact]
    public void The_fingerprint_is_of_both_files_and_of_what_labels_mean()
    {
        PutImage("train/1.png");
        Put("trainannot/1.png", LabelPngs.Grey(6, 4, Pattern));
        var prints = new HashSet<string>
        {
            Open().Fingerprint,
            Open(new() { Classes = ["x", "b", "c"] }).Fingerprint,
            Open(new() { Classes = Three, Ignored = [1] }).Fingerprint,
        };
        Put("trainannot/1.png", LabelPngs.Grey(6, 4, (x, y) => 2 - Pattern(x, y)));
        File.SetLastWriteTimeUtc(_folder["trainannot", "1.png"], DateTime.UtcNow.AddHours(1));
        prints.Add(Open().Fingerprint);
        Assert.Equal(4, prints.Count);
    }

    [Fact]
    public void A_map_of_another_size_than_its_image_is_refused()
    {
        PutImage("train/1.png");
        Put("trainannot/1.png", LabelPngs.Grey(4, 6, Pattern));
        using var data = Open();
        DataAssert.Fails(DataErrors.SizesDiffer, () => Labels(data), "trainannot/1.png", "4x6", "6x4");
    }

    [Fact]
    public void A_label_that_is_no_class_is_refused_with_its_place()
    {
        PutImage("train/1.png");
        Put("trainannot/1.png", LabelPngs.Grey(6, 4, (x, y) => (x, y) == (4, 2) ? 3 : 0));
        using var data = Open();
        DataAssert.Fails(
            DataErrors.LabelOutOfRange,
            () => Labels(data),
            "trainannot/1.png",
            "label 3",
            "row 2, column 4"
        );
    }

    [Fact]
    public void An_unknown_colour_is_refused()
    {
        PutImage("train/1.png");
        Put("trainannot/1.png", LabelPngs.Rgb(6, 4, (_, _) => 0x010203));
        using var data = Open();
        DataAssert.Fails(DataErrors.LabelOutOfRange, () => Labels(data), "trainannot/1.png", "#010203");
    }

    [Fact]
    public void A_missing_partner_is_refused_by_name()
    {
        PutImage("train/1.png");
        PutImage("train/2.png");
        Put("trainannot/1.png", LabelPngs.Grey(6, 4, Pattern));
        DataAssert.Fails(DataErrors.NotFound, () => Open(), "train/2.png", "no label map");
        Put("trainannot/2.png", LabelPngs.Grey(6, 4, Pattern));
        Put("trainannot/3.png", LabelPngs.Grey(6, 4, Pattern));
        DataAssert.Fails(DataErrors.NotFound, () => Open(), "trainannot/3.png", "no image");
    }

    [Fact]
    public void Missing_partners_of_the_other_layouts_are_refused_by_name()
    {
        PutImage("leftImg8bit/train/ulm/ulm_1_leftImg8bit.png");
        PutImage("gtFine/x.png");
        DataAssert.Fails(DataErrors.NotFound, () => Open(new()), "ulm_1_gtFine_labelIds.png");
        File.WriteAllText(_folder["ImageSets", "Segmentation", "train.txt"], "one");
        DataAssert.Fails(DataErrors.NotFound, () => Open(new() { Layout = "voc" }), "one.jpg", "train.txt");
        File.WriteAllText(_folder["ImageSets", "Segmentation", "train.txt"], "../../etc/passwd");
        DataAssert.Fails(DataErrors.NotFound, () => Open(new() { Layout = "voc" }), "leaves the data set's folder");
    }

    [Theory]
    [InlineData("truncated", "ends before its last pixel")]
    [InlineData("no end", "ends before its last pixel")]
    [InlineData("flipped", "is damaged")]
    [InlineData("text", "no PNG file")]
    [InlineData("empty", "no PNG file")]
    [InlineData("interlaced", "interlaced")]
    [InlineData("huge", "pixels")]
    public void A_damaged_map_is_refused_by_name(string how, string said)
    {
        var random = new Random(1);
        var sound = LabelPngs.Grey(60, 40, (_, _) => random.Next(3));
        var file = sound.ToArray();
        switch (how)
        {
            case "truncated":
                file = file[..(file.Length / 2)];
                break;
            case "no end":
                file = file[..^12];
                break;
            case "flipped":
                // In the check sum of the packed rows.
                file[^17] ^= 1;
                break;
            case "text":
                file = "hello"u8.ToArray();
                break;
            case "empty":
                file = [];
                break;
            case "interlaced":
                file = LabelPngs.Palette(60, 40, Pattern, [0, 1, 2], interlace: 1);
                break;
            default:
                (file[16], file[20]) = (0x40, 0x40);
                break;
        }
        PutImage("train/1.png", 60, 40);
        Put("trainannot/1.png", file);
        using var data = Open();
        var code = how == "huge" ? DataErrors.TooLarge : DataErrors.ImageUnreadable;
        DataAssert.Fails(code, () => Labels(data), "trainannot/1.png", said);
    }

    // Whatever bytes a file holds, it is read or refused with a code: never another exception, never more memory than it may take.
    [Fact]
    public void Damaged_anywhere_a_map_is_read_or_refused()
    {
        var sound = LabelPngs.Palette(12, 9, Pattern, [1, 2, 3]);
        PutImage("train/1.png", 12, 9);
        var random = new Random(3);
        for (var i = 0; i < 300; i++)
        {
            var file = sound.ToArray();
            for (var n = random.Next(1, 4); n > 0; n--)
                file[random.Next(file.Length)] = (byte)random.Next(256);
            Put("trainannot/1.png", file[..random.Next(file.Length / 2, file.Length + 1)]);
            try
            {
                using var data = Open();
                Labels(data);
            }
            catch (KdException e)
            {
                Assert.StartsWith("KDP04", e.Code.Id);
                Assert.Contains("1.png", e.Message);
            }
        }
    }

    [Theory]
    [InlineData("classes", "KDP0306")]
    [InlineData("ignored class", "KDP0306")]
    [InlineData("nothing", "KDP0407")]
    [InlineData("colours", "KDP0405")]
    public void Options_that_do_not_fit_are_refused(string what, string code)
    {
        if (what != "nothing")
        {
            PutImage("images/train/1.png");
            Put("labels/train/1.png", LabelPngs.Grey(6, 4, Pattern));
        }
        SegmentationFolderOptions options = what switch
        {
            "classes" => new(),
            "ignored class" => new() { Classes = Three, IgnoreIndex = 2 },
            "colours" => new() { Classes = Three, Colours = ["#000000", "#ffffff", "#000000"] },
            _ => new() { Classes = Three },
        };
        Assert.Equal(code, Assert.Throws<KdException>(() => Open(options)).Code.Id);
    }

    [Fact]
    public void Options_are_validated()
    {
        SegmentationFolderOptions good = new() { Path = "x", Classes = Three };
        Assert.True(Make.Passes(good));
        Assert.False(Make.Passes(good with { Colours = ["#12345"] }));
        Assert.False(Make.Passes(good with { Colours = ["#000000"] }));
        Assert.False(Make.Passes(good with { Classes = ["a", "a"] }));
        Assert.False(Make.Passes(good with { IgnoreIndex = 256 }));
        Assert.False(Make.Passes(good with { Layout = "coco" }));
        Assert.False(Make.Passes(good with { TrainList = "../train" }));
        Assert.False(Make.Passes(good with { Path = null! }));
    }

    [SkippableFact]
    public void CamVid_is_read_with_its_classes()
    {
        var folder = Path.Combine(TestData.Unpacked("camvid.tar.gz"), "camvid");
        using var data = Make.Plugin<SegmentationFolderPlugin>(new SegmentationFolderOptions { Path = folder })
            .Open("");
        Assert.Equal([3, 180, 240], data.Info.InputShape);
        Assert.Equal(11, data.Info.Classes);
        Assert.Equal((367L, 101L, 233L), (data.Open("train").Count, data.Open("val").Count, data.Open("test").Count));
        var map = (ClassMapTarget)data.Open("test").Read(new long[] { 0, 100, 232 }).Target;
        var labels = map.Labels.flatten().data<long>().ToArray();
        Assert.All(labels, l => Assert.True(l is >= 0 and < 11 or 255));
        // Road, sky and buildings fill such pictures; some of it is void.
        foreach (var label in (long[])[0, 1, 3, 255])
            Assert.Contains(label, labels);
    }
}
