using System.Text.Json.Nodes;
using SkiaSharp;
using Xunit;

namespace KdPlugins.Tests.Students;

/// <summary>Models that are none, images that are none, arguments that make no sense.</summary>
public sealed class AbuseTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kd-student-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static StudentException Refused(byte[] model) => Assert.Throws<StudentException>(() => Student.Load(model));

    [Fact]
    public void A_file_that_is_not_there_is_named()
    {
        var path = Path.Combine(_folder, "none.onnx");
        var refused = Assert.Throws<StudentException>(() => Student.Load(path));
        Assert.Equal(StudentFault.FileUnreadable, refused.Fault);
        Assert.Contains(path, refused.Message);
        Assert.Throws<StudentException>(() => Student.Load(_folder));
        Assert.Throws<ArgumentException>(() => Student.Load(""));
        Assert.Throws<ArgumentNullException>(() => Student.Load((string)null!));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(100)]
    public void What_is_no_model_is_refused(int length)
    {
        var bytes = new byte[length];
        new Random(1).NextBytes(bytes);
        Assert.Equal(StudentFault.ModelUnreadable, Refused(bytes).Fault);
    }

    [Fact]
    public void A_truncated_model_is_refused_wherever_it_ends()
    {
        var model = ColourStudent.Model();
        for (var length = 0; length < model.Length; length += 61)
            Assert.Contains(
                Refused(model[..length]).Fault,
                (StudentFault[])[StudentFault.ModelUnreadable, StudentFault.NotAStudent]
            );
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{ "input": 3 }""")]
    public void Without_a_record_it_is_no_student(string record) =>
        Assert.Equal(StudentFault.NotAStudent, Refused(ColourStudent.Model(record)).Fault);

    [Theory]
    [InlineData("outputs", "4", StudentFault.NotAStudent)]
    [InlineData("outputs", "0", StudentFault.NotAStudent)]
    [InlineData("outputs", "99999999999", StudentFault.NotAStudent)]
    [InlineData("class_names", "[1, 2, 3]", StudentFault.NotAStudent)]
    [InlineData("network_input", "[3, 8, 8]", StudentFault.PreprocessingUnknown)]
    [InlineData("normalisation", "null", StudentFault.NotAStudent)]
    [InlineData("normalisation", """{ "mean": [0.5], "std": [1] }""", StudentFault.NotAStudent)]
    [InlineData("input", """{ "kind": "tokens", "shape": [-1] }""", StudentFault.NotAStudent)]
    public void A_record_that_does_not_fit_is_refused(string key, string value, StudentFault fault)
    {
        var record = ColourStudent.Record();
        record[key] = JsonNode.Parse(value);
        Assert.Equal(fault, Refused(ColourStudent.Model(record.ToJsonString())).Fault);
    }

    [Fact]
    public void Preprocessing_that_is_no_normalisation_is_refused()
    {
        var record = ColourStudent.Record();
        record.Remove("normalisation");
        Assert.Equal(StudentFault.PreprocessingUnknown, Refused(ColourStudent.Model(record.ToJsonString())).Fault);
    }

    [Fact]
    public void A_graph_that_gives_something_else_is_refused() =>
        Assert.Equal(StudentFault.NotAStudent, Refused(ColourStudent.Model(output: "scores")).Fault);

    [Fact]
    public void Classes_without_names_are_called_by_their_numbers()
    {
        var record = ColourStudent.Record();
        record["class_names"] = new JsonArray();
        using var student = Student.Load(ColourStudent.Model(record.ToJsonString()));
        Assert.Equal(["0", "1", "2"], student.ClassNames);
    }

    [Fact]
    public void Images_that_are_none_are_refused_by_name_and_leave_the_student_usable()
    {
        using var student = Student.Load(ColourStudent.Model());
        // Of many colours, so that it has many bytes.
        var image = Pictures.Png(64, 64, (x, y) => new SKColor((byte)(200 + x * y % 50), (byte)x, (byte)y));
        byte[][] damaged =
        [
            [],
            [1, 2, 3],
            image[..60],
            image[..(image.Length / 2)],
            Pictures.Declaring(20_000, 20_000),
        ];
        foreach (var bytes in damaged)
        {
            var refused = Assert.Throws<StudentException>(() => student.Predict(new MemoryStream(bytes)));
            Assert.Equal(StudentFault.ImageUnreadable, refused.Fault);
        }
        var path = Path.Combine(_folder, "bad.png");
        File.WriteAllBytes(path, image[..60]);
        Assert.Contains(path, Assert.Throws<StudentException>(() => student.Predict(path)).Message);
        var missing = Path.Combine(_folder, "none.png");
        Assert.Contains(missing, Assert.Throws<StudentException>(() => student.Predict([missing])).Message);
        Assert.Throws<ArgumentNullException>(() => student.Predict((Stream)null!));
        Assert.Throws<ArgumentNullException>(() => student.Predict((IReadOnlyList<string>)null!));
        Assert.Equal("red", student.Predict(new MemoryStream(image)).Best.Name);
    }

    [Fact]
    public void An_image_beyond_the_limit_is_refused_before_it_is_decoded()
    {
        using var student = Student.Load(ColourStudent.Model(), new() { MaxMegapixels = 1 });
        var refused = Assert.Throws<StudentException>(() =>
            student.Predict(new MemoryStream(Pictures.Declaring(1001, 1000)))
        );
        Assert.Contains("1001x1000", refused.Message);
    }

    [Fact]
    public void Pixels_that_do_not_fit_their_size_are_refused()
    {
        using var student = Student.Load(ColourStudent.Model());
        Assert.Throws<ArgumentException>(() => student.Predict(new byte[71], 6, 4));
        Assert.Throws<ArgumentException>(() => student.Predict(new byte[72], int.MaxValue, int.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => student.Predict([], 0, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => student.Predict(new byte[72], 6, 4, (PixelFormat)9));
    }

    [Fact]
    public void Options_out_of_bounds_are_refused()
    {
        foreach (
            var options in (StudentOptions[])
                [new() { Threads = -1 }, new() { Threads = 1025 }, new() { MaxMegapixels = 0 }]
        )
            Assert.Throws<ArgumentOutOfRangeException>(() => Student.Load(ColourStudent.Model(), options));
        using var student = Student.Load(ColourStudent.Model(), new() { Threads = 1, BusyWaiting = true });
        Assert.Throws<ArgumentOutOfRangeException>(() => student.Predict(new byte[72], 6, 4).Top(0));
    }
}
