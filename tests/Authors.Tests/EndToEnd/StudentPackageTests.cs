using System.Text.RegularExpressions;
using KdPlugins.Tests;

namespace KdPlugins.Authors.Tests.EndToEnd;

/// <summary>An application from an empty folder: the package <c>KdPlugins.Student</c>, the program of its README, a student, an image.</summary>
public sealed class StudentPackageTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("kd-application-").FullName;
    private readonly string _version = $"0.1.0-e2e.{DateTime.UtcNow.Ticks}";

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private string At(params string[] names) => Path.Combine([_root, .. names]);

    [Fact]
    public void The_program_of_the_README_runs_with_the_package_and_nothing_else()
    {
        Pack();
        var readme = File.ReadAllText(Path.Combine(Commands.Repository, "core", "Student", "README.md"));
        var program = Regex.Match(readme, "```csharp\n(.*?)```", RegexOptions.Singleline).Groups[1].Value;
        Assert.InRange(program.TrimEnd().Split('\n').Length, 3, 10);
        Directory.CreateDirectory(At("app"));
        File.WriteAllText(At("app", "Program.cs"), program);
        File.WriteAllText(
            At("app", "app.csproj"),
            $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
                <RuntimeIdentifier>linux-x64</RuntimeIdentifier>
                <SelfContained>false</SelfContained>
              </PropertyGroup>
              <ItemGroup><PackageReference Include="KdPlugins.Student" Version="{_version}" /></ItemGroup>
            </Project>
            """
        );
        Assert.Contains("0 Warning(s)", Commands.Dotnet(At("app"), "build", "-c", "Release", "-o", At("out")));
        File.WriteAllBytes(At("student.onnx"), ColourStudent.Model());
        File.WriteAllBytes(At("red.bmp"), Bitmap(blue: 0, green: 0, red: 255));
        File.WriteAllBytes(At("green.bmp"), Bitmap(blue: 0, green: 255, red: 0));
        var said = Commands.Dotnet(_root, At("out", "app.dll"), "red.bmp", "green.bmp").Split('\n');
        Assert.Matches("^red.bmp: .*Name = red,", said[0]);
        Assert.Matches("^green.bmp: .*Name = green,", said[1]);
        var libraries = Folders.Files(At("out")).Where(f => Path.GetExtension(f) is ".dll" or ".so").ToList();
        Assert.Contains("libonnxruntime.so", libraries.Select(Path.GetFileName));
        Assert.DoesNotContain(libraries, f => f.Contains("torch", StringComparison.OrdinalIgnoreCase));
    }

    private void Pack()
    {
        string[] pack = ["pack", "core/Student", "--no-build", "-c", Commands.Configuration, "-o", At("feed")];
        Commands.Dotnet(Commands.Repository, [.. pack, $"-p:PackageVersion={_version}"]);
        Commands.UseFeed(_root);
    }

    // One pixel, 24 bits, rows padded to four bytes.
    private static byte[] Bitmap(byte blue, byte green, byte red)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write("BM"u8);
        foreach (var number in (int[])[58, 0, 54, 40, 1, 1])
            writer.Write(number);
        writer.Write((short)1);
        writer.Write((short)24);
        foreach (var number in (int[])[0, 4, 2835, 2835, 0, 0])
            writer.Write(number);
        writer.Write([blue, green, red, 0]);
        return stream.ToArray();
    }
}
