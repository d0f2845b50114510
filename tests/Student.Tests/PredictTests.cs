using System.Text.Json.Nodes;
using SkiaSharp;
using Xunit;

namespace KdPlugins.Tests.Students;

/// <summary>A student in an application: every way to hand it an image, from any number of threads.</summary>
public sealed class PredictTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kd-student-").FullName;
    private readonly Student _student = Student.Load(ColourStudent.Model());

    public void Dispose()
    {
        _student.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string Write(string name, byte[] content)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, content);
        return path;
    }

    [Fact]
    public void It_says_what_it_takes_and_gives()
    {
        Assert.Equal((3, 4, 6), (_student.Channels, _student.Height, _student.Width));
        Assert.Equal(["red", "green", "blue"], _student.ClassNames);
        Assert.Contains("\"role\":\"student\"", _student.Metadata["kd.record"]);
    }

    [Fact]
    public void A_file_a_stream_and_a_model_on_disk_give_the_same_numbers()
    {
        using var student = Student.Load(Write("student.onnx", ColourStudent.Model()));
        var green = Pictures.Plain(new SKColor(51, 204, 102));
        var prediction = student.Predict(Write("green.png", green));
        // (v / 255 - 0.5) / 0.25, times ten.
        foreach (var (value, expected) in prediction.Logits.Zip([-12f, 12f, -4f]))
            Assert.Equal(expected, value, 4);
        Assert.Equal(("green", 1), (prediction.Best.Name, prediction.Best.Index));
        Assert.Equal(1 / (1 + Math.Exp(-24) + Math.Exp(-16)), prediction.Best.Probability, 6);
        Assert.Equal(1, prediction.Probabilities.Sum(p => (double)p), 6);
        Assert.Equal(["green", "blue", "red"], prediction.Top(3).Select(c => c.Name));
        Assert.Equal(3, prediction.Top(7).Count);
        Assert.Equal(prediction.Logits, _student.Predict(new MemoryStream(green)).Logits);
    }

    [Fact]
    public void A_stream_is_read_from_where_it_stands_and_stays_open()
    {
        using var stream = new MemoryStream([1, 2, 3, .. Pictures.Plain(SKColors.Blue)]);
        stream.Position = 3;
        Assert.Equal("blue", _student.Predict(stream).Best.Name);
        Assert.True(stream.CanRead);
    }

    [Theory]
    [InlineData(PixelFormat.Rgb24, 0, 1, 2)]
    [InlineData(PixelFormat.Bgr24, 2, 1, 0)]
    [InlineData(PixelFormat.Rgba32, 0, 1, 2)]
    [InlineData(PixelFormat.Bgra32, 2, 1, 0)]
    public void Raw_pixels_in_every_format(PixelFormat format, params int[] places)
    {
        var size = format is PixelFormat.Rgba32 or PixelFormat.Bgra32 ? 4 : 3;
        var pixels = new byte[24 * size];
        for (var p = 0; p < 24; p++)
            (pixels[p * size + places[0]], pixels[p * size + places[1]], pixels[p * size + places[2]]) = (10, 20, 200);
        var expected = _student.Predict(new MemoryStream(Pictures.Plain(new SKColor(10, 20, 200)))).Logits;
        Assert.Equal(expected, _student.Predict(pixels, 6, 4, format).Logits);
    }

    [Fact]
    public void Several_files_are_answered_in_their_order()
    {
        SKColor[] colours = [SKColors.Red, SKColors.Blue, SKColors.Lime, SKColors.Blue];
        var paths = colours.Select((c, i) => Write($"{i}.png", Pictures.Plain(c, 5 + i, 9))).ToList();
        Assert.Equal(["red", "blue", "green", "blue"], _student.Predict(paths).Select(p => p.Best.Name));
        Assert.Empty(_student.Predict(Array.Empty<string>()));
    }

    // Blue to the left and right of a green square.
    [Theory]
    [InlineData("", "green")]
    [InlineData("crop", "green")]
    [InlineData("stretch", "blue")]
    public void Images_of_another_shape_are_brought_to_its_size_as_its_record_says(string resize, string expected)
    {
        var record = ColourStudent.Record();
        record["input"]!["resize"] = resize;
        using var student = Student.Load(ColourStudent.Model(record.ToJsonString()));
        var image = Pictures.Png(96, 24, (x, _) => x is >= 36 and < 60 ? SKColors.Lime : SKColors.Blue);
        Assert.Equal(expected, student.Predict(new MemoryStream(image)).Best.Name);
    }

    [Fact]
    public void A_model_that_prepares_images_itself_gives_the_same_answers()
    {
        using var other = Student.Load(ColourStudent.Model(pixels: true));
        var image = Pictures.Png(30, 20, (x, y) => new SKColor((byte)(8 * x), (byte)(12 * y), 90));
        var expected = _student.Predict(new MemoryStream(image)).Logits;
        foreach (var (a, b) in other.Predict(new MemoryStream(image)).Logits.Zip(expected))
            Assert.Equal(b, a, 3);
    }

    [Fact]
    public void Brightness_stands_for_every_channel()
    {
        Assert.Equal(
            _student.Predict(Enumerable.Repeat((byte)77, 72).ToArray(), 6, 4).Logits,
            _student.Predict(Enumerable.Repeat((byte)77, 24).ToArray(), 6, 4, PixelFormat.Grey8).Logits
        );
    }

    [Fact]
    public void A_student_of_one_channel_sees_brightness()
    {
        var record = ColourStudent.Record();
        record["network_input"] = new JsonArray(1, 4, 6);
        (record["input"]!["shape"], record["input"]!["channels"]) = (new JsonArray(1, 4, 6), 1);
        record["normalisation"] = JsonNode.Parse("""{ "mean": [0.5], "std": [0.25] }""");
        using var student = Student.Load(ColourStudent.Model(record.ToJsonString(), channels: 1));
        // 0.299 red, 0.587 green, 0.114 blue.
        var seen = student.Predict(new MemoryStream(Pictures.Plain(new SKColor(100, 200, 50)))).Logits[0];
        Assert.Equal((153 / 255f - 0.5f) / 0.25f * 10, seen, 4);
    }

    [Fact]
    public void Many_threads_ask_one_student_and_each_gets_its_own_answer()
    {
        byte[][] images = [Pictures.Plain(SKColors.Red), Pictures.Plain(SKColors.Lime), Pictures.Plain(SKColors.Blue)];
        string[] names = ["red", "green", "blue"];
        Parallel.For(
            0,
            400,
            new() { MaxDegreeOfParallelism = 8 },
            i => Assert.Equal(names[i % 3], _student.Predict(new MemoryStream(images[i % 3])).Best.Name)
        );
    }

    [Fact]
    public async Task What_is_disposed_while_it_answers_ends_its_answers_and_takes_no_more()
    {
        var image = Pictures.Plain(SKColors.Red);
        var started = new CountdownEvent(4);
        var asking = Enumerable
            .Range(0, 4)
            .Select(_ =>
                Task.Run(() =>
                {
                    var answers = 0;
                    try
                    {
                        while (true)
                        {
                            Assert.Equal("red", _student.Predict(new MemoryStream(image)).Best.Name);
                            if (answers++ == 0)
                                started.Signal();
                        }
                    }
                    catch (ObjectDisposedException) { }
                    return answers;
                })
            )
            .ToArray();
        Assert.True(started.Wait(TimeSpan.FromSeconds(60)), "nobody got an answer");
        _student.Dispose();
        _student.Dispose();
        Assert.All(
            await Task.WhenAll(asking).WaitAsync(TimeSpan.FromSeconds(60)),
            n => Assert.InRange(n, 1, int.MaxValue)
        );
        Assert.Throws<ObjectDisposedException>(() => _student.Predict(new MemoryStream(image)));
    }
}
