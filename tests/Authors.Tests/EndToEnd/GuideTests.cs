using System.Reflection;
using System.Text.RegularExpressions;
using KdPlugins.Core;
using KdPlugins.Testing;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace KdPlugins.Authors.Tests.EndToEnd;

/// <summary>The snippets of <c>core/Sdk/GUIDE.md</c> are what it says: compiled, checked by the kit, run.</summary>
public sealed class GuideTests(AuthorsMachine machine) : IClassFixture<AuthorsMachine>
{
    private static readonly string[] Snippets =
    [
        .. Regex
            .Matches(
                File.ReadAllText(Path.Combine(Commands.Repository, "core", "Sdk", "GUIDE.md")),
                "```[a-z]+\n(.*?)```",
                RegexOptions.Singleline
            )
            .Select(m => m.Groups[1].Value),
    ];

    private static string Project => Snippets[0];
    private static string Strategy => Snippets[1];
    private static string Recipe => Snippets[2];
    private static string Test => Snippets[3];

    [Fact]
    public void Project_and_strategy_take_less_than_sixty_lines() =>
        Assert.InRange((Project + Strategy).TrimEnd().Split('\n').Length, 30, 59);

    [Fact]
    public void The_strategy_and_its_test_compile_and_the_test_passes()
    {
        var assembly = Compile(Strategy, "using Xunit;" + Test);
        var type = assembly.GetType("MutualStrategyTests", throwOnError: true)!;
        type.GetMethod("Conforms")!.Invoke(Activator.CreateInstance(type), null);
    }

    // The weight of the peer's objective reaches the student by nothing but the peer's answers.
    [Fact]
    public void Both_networks_learn_from_each_other()
    {
        using var run = new RecipeRun(
            new TestCatalog([Compile(Strategy, "").GetType("MutualStrategy")!, .. KitParts.Types])
        );
        string Student(string peerWeight)
        {
            var section = $$"""{ "id": "mutual", "options": { "peerWeight": {{peerWeight}} } }""";
            run.Whole(KitParts.Recipe(section), peerWeight);
            return run.Sha256(peerWeight, "student-last.safetensors");
        }
        Assert.NotEqual(Student("1"), Student("0.5"));
    }

    [SkippableFact]
    public void From_an_empty_folder_to_a_finished_run()
    {
        Skip.If(
            Environment.GetEnvironmentVariable("KD_TESTS_FULL") != "1",
            "From an empty folder to a finished run takes a minute: set KD_TESTS_FULL=1."
        );
        machine.PreparePackages();
        var folder = Directory.CreateDirectory(machine.At("mutual")).FullName;
        void Write(string name, string text) => File.WriteAllText(Path.Combine(folder, name), text);
        Write("Mutual.csproj", Project.Replace("0.1.0", machine.Version));
        Write("MutualStrategy.cs", Strategy);
        Write("mutual.json", Recipe);
        Assert.Contains("0 Warning(s)", Commands.Dotnet(folder, "build", "-c", "Release"));
        var plugins = Path.Combine(folder, "plugins");
        Folders.Copy(Path.Combine(Path.GetDirectoryName(Commands.Kd)!, "plugins"), plugins);
        Folders.Copy(Path.Combine(folder, "bin", "Release", "plugin", "Mutual"), Path.Combine(plugins, "Mutual"));
        Commands.Dotnet(folder, Commands.Kd, "run", "mutual.json", "--out", "run", "--plugins", plugins);
        Assert.True(File.Exists(Path.Combine(folder, "run", "report.html")));
    }

    // With the usings that ImplicitUsings gives.
    private static Assembly Compile(params string[] sources)
    {
        const string Implicit =
            "global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq;"
            + "global using System.Net.Http; global using System.Threading; global using System.Threading.Tasks;";
        var platform = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator);
        var compilation = CSharpCompilation.Create(
            $"Guide{Guid.NewGuid():N}",
            sources.Prepend(Implicit).Select(s => CSharpSyntaxTree.ParseText(s)),
            platform.Select(p => MetadataReference.CreateFromFile(p)),
            new(OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable)
        );
        using var stream = new MemoryStream();
        var result = compilation.Emit(stream);
        Assert.Empty(result.Diagnostics.Where(d => d.Severity >= DiagnosticSeverity.Warning && d.Id != "CS1701"));
        return Assembly.Load(stream.ToArray());
    }
}
