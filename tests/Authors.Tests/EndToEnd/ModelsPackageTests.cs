using System.Text.RegularExpressions;

namespace KdPlugins.Authors.Tests.EndToEnd;

/// <summary>
/// An application from an empty folder that goes on training a student: the package <c>KdPlugins.Models</c> and the program of its
/// README; what it saves is exported.
/// </summary>
public sealed class ModelsPackageTests(AuthorsMachine machine) : IClassFixture<AuthorsMachine>
{
    private const string Recipe = """
        {
          "name": "further", "device": "cpu",
          "dataset": { "id": "shapes", "options": { "train": 64, "test": 16, "classes": 3, "size": 8 } },
          "models": { "student": { "id": "cifar-resnet", "options": { "depth": 8 } } },
          "augmentations": { "shared": [ { "id": "normalise" } ] },
          "losses": [ { "id": "cross-entropy" } ],
          "strategy": { "id": "supervised" },
          "training": { "epochs": 1, "batchSize": 16 }
        }
        """;

    [Fact]
    public void The_program_of_the_README_trains_on_what_a_run_has_made()
    {
        machine.PreparePackages();
        var readme = File.ReadAllText(Path.Combine(Commands.Repository, "plugins", "parts", "Models", "README.md"));
        string Block(string language) =>
            Regex.Match(readme, $"```{language}\n(.*?)```", RegexOptions.Singleline).Groups[1].Value;
        var (program, packages) = (Block("csharp"), Block("xml"));
        Assert.Contains("StudentNetwork.Load", program);
        Commands.BuildApplication(machine.Root, program, packages.Replace("0.1.0", machine.Version));
        Assert.DoesNotContain(
            Folders.Files(machine.At("out")),
            f => Path.GetFileName(f).StartsWith("libtorch", StringComparison.Ordinal)
        );

        File.WriteAllText(machine.At("further.json"), Recipe);
        Commands.Dotnet(machine.Root, Commands.Kd, "run", "further.json", "--out", "run");
        File.Copy(machine.At("run", "student.safetensors"), machine.At("student.safetensors"));
        Commands.Dotnet(machine.Root, machine.At("out", "app.dll"));
        Assert.NotEqual(
            File.ReadAllBytes(machine.At("student.safetensors")),
            File.ReadAllBytes(machine.At("further.safetensors"))
        );
        var said = Commands.Dotnet(machine.Root, Commands.Kd, "export", "further.safetensors", "--out", "further.onnx");
        Assert.Contains("further.onnx", said);
    }
}
