using System.Text.RegularExpressions;
using KdPlugins.Tests;

namespace KdPlugins.Authors.Tests.EndToEnd;

/// <summary>An application from an empty folder: the package <c>KdPlugins.Student</c>, the program of its README, a student, an image.</summary>
public sealed class StudentPackageTests
{
    [Fact]
    public void The_program_of_the_README_runs_with_the_package_and_nothing_else()
    {
        var readme = File.ReadAllText(Path.Combine(Commands.Repository, "core", "Student", "README.md"));
        var program = Regex.Match(readme, "```csharp\n(.*?)```", RegexOptions.Singleline).Groups[1].Value;
        Assert.InRange(program.TrimEnd().Split('\n').Length, 3, 10);
        using var app = new StudentApplication(program);
        File.WriteAllBytes(app.At("student.onnx"), ColourStudent.Model());
        File.WriteAllBytes(app.At("red.bmp"), Bitmaps.File(1, 1, [255, 0, 0]));
        File.WriteAllBytes(app.At("green.bmp"), Bitmaps.File(1, 1, [0, 255, 0]));
        var said = app.Run("red.bmp", "green.bmp");
        Assert.Matches("^red.bmp: .*Name = red,", said[0]);
        Assert.Matches("^green.bmp: .*Name = green,", said[1]);
        var libraries = Folders.Files(app.At("out")).Where(f => Path.GetExtension(f) is ".dll" or ".so").ToList();
        Assert.Contains("libonnxruntime.so", libraries.Select(Path.GetFileName));
        Assert.DoesNotContain(libraries, f => f.Contains("torch", StringComparison.OrdinalIgnoreCase));
    }
}
