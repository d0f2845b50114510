using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Xunit.Abstractions;

namespace KdPlugins.Authors.Tests.EndToEnd.Teacher;

/// <summary>
/// From a teacher of one's own to an application of one's own: a ResNet that PyTorch has trained, saved with a prefix and another head,
/// teaches a student, which is evaluated, exported, and answers in a console application. All say the same of each image.
/// </summary>
/// <remarks>
/// The teacher is trained by Debian's PyTorch (python3-torch), and the student's logits are asked of it too; where that is not
/// installed, the teacher is one that it has saved before (<c>teacher.py train</c> with this test's images), and PyTorch is not asked.
/// </remarks>
public sealed class TeacherTests(ITestOutputHelper output)
{
    private const int Side = 12;
    private const int Values = Side * Side * 3;

    private static readonly string[] Classes = ["across", "down", "dark", "light"];

    private static readonly string Here = Path.Combine(AppContext.BaseDirectory, "EndToEnd", "Teacher");

    private static readonly string Program = """
        using System.Globalization;
        using KdPlugins;

        using var student = Student.Load(args[0]);
        var images = Directory.GetFiles(args[1], "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToList();
        foreach (var (path, answer) in images.Zip(student.Predict(images)))
        {
            var logits = answer.Logits.Select(l => l.ToString("R", CultureInfo.InvariantCulture));
            Console.WriteLine($"{Path.GetRelativePath(args[1], path)} {answer.Best.Name} {string.Join(' ', logits)}");
        }
        """;

    [Fact]
    public void A_network_of_PyTorch_becomes_a_student_in_an_application()
    {
        using var app = new StudentApplication(Program);
        WriteImages(app.At("data", "train"), 48, seed: 1);
        var test = WriteImages(app.At("data", "test"), 24, seed: 2);
        var teacher = Train(app);
        File.WriteAllText(app.At("distil.json"), Recipe(teacher));

        Kd(app, "run", "distil.json", "--out", "run");
        var evaluated = JsonNode.Parse(Kd(app, "eval", "run", "--json"))!["values"]!;
        Kd(app, "export", "run", "--format", "onnx", "--out", "student.onnx");

        var answers = app.Run("student.onnx", app.At("data", "test")).Select(line => line.Split(' ')).ToList();
        Assert.Equal(test.Count, answers.Count);
        var logits = answers
            .SelectMany(a => a[2..].Select(l => float.Parse(l, CultureInfo.InvariantCulture)))
            .ToArray();
        // A student that knows nothing would agree with anyone.
        var right = answers.Count(a => a[0].StartsWith(a[1] + "/", StringComparison.Ordinal));
        Assert.InRange(right / (double)test.Count, 0.7, 1);
        Assert.Equal((double)evaluated["accuracy"]!, right / (double)test.Count, 1e-9);
        Assert.Equal((double)evaluated["loss"]!, Loss(answers, logits), 1e-4);
        Agree(logits, Predicted(app, answers));
        if (AskPyTorch(app, test) is not { } asked)
            return;
        Agree(logits, asked);
        Assert.InRange(logits.Zip(asked, (l, a) => Math.Abs(l - a)).Max(), 0, 1e-4f);
    }

    private static string Recipe(string teacher) =>
        $$"""
            {
              "name": "own-teacher", "device": "cpu",
              "dataset": { "id": "image-folder", "options": { "path": "data", "size": {{Side}} } },
              "models": {
                "teacher": {
                  "id": "resnet", "options": { "depth": 10, "width": 4 },
                  "weights": { "path": "{{teacher}}", "prefix": "module.encoder.", "head": "replace" }
                },
                "student": { "id": "cifar-resnet", "options": { "depth": 8 } }
              },
              "augmentations": { "shared": [ { "id": "normalise", "options": { "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25] } } ] },
              "losses": [ { "id": "cross-entropy", "weight": 0.5 }, { "id": "kd", "weight": 0.5, "options": { "temperature": 4 } } ],
              "strategy": { "id": "offline" },
              "training": { "epochs": 4, "batchSize": 16, "optimiser": { "name": "adam", "learningRate": 0.01 } },
              "prepare": [ {
                "name": "head", "role": "teacher", "once": true,
                "strategy": { "id": "supervised", "options": { "role": "teacher" } },
                "losses": [ { "id": "cross-entropy" } ],
                "training": { "epochs": 2 }
              } ]
            }
            """;

    // Stripes across and down, dark and light: noise on all. Gives the pixels in the order of the files' names.
    private static List<byte[]> WriteImages(string folder, int perClass, int seed)
    {
        var random = new Random(seed);
        var images = new List<(string Path, byte[] Pixels, byte Label)>();
        for (var label = 0; label < Classes.Length; label++)
        for (var i = 0; i < perClass; i++)
        {
            var phase = random.Next(4);
            var pixels = new byte[Values];
            for (var v = 0; v < Values; v++)
            {
                var (y, x) = (v / 3 / Side, v / 3 % Side);
                var shade = label switch
                {
                    0 => (y + phase) % 4 < 2 ? 60 : 190,
                    1 => (x + phase) % 4 < 2 ? 60 : 190,
                    2 => 50,
                    _ => 200,
                };
                pixels[v] = (byte)Math.Clamp(shade + random.Next(-45, 46), 0, 255);
            }
            images.Add((Path.Combine(folder, Classes[label], $"{i:000}.bmp"), pixels, (byte)label));
        }
        foreach (var (path, pixels, _) in images)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, Bitmaps.File(Side, Side, pixels));
        }
        File.WriteAllBytes(folder + ".rgb", [.. images.SelectMany(i => i.Pixels)]);
        File.WriteAllBytes(folder + ".labels", [.. images.Select(i => i.Label)]);
        return [.. images.OrderBy(i => i.Path, StringComparer.Ordinal).Select(i => i.Pixels)];
    }

    private string Train(StudentApplication app)
    {
        if (Python(app, "train", app.At("data", "train"), app.At("teacher.pth")) is { } said)
            output.WriteLine($"PyTorch's teacher: {said}");
        else
            File.Copy(Path.Combine(Here, "teacher.pth"), app.At("teacher.pth"));
        return "teacher.pth";
    }

    private float[]? AskPyTorch(StudentApplication app, IEnumerable<byte[]> test)
    {
        File.WriteAllBytes(app.At("asked.rgb"), [.. test.SelectMany(pixels => pixels)]);
        string[] ask = ["ask", app.At("run", "student.safetensors"), app.At("asked.rgb"), app.At("asked.bin")];
        return Python(app, ask) is null
            ? null
            : MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(app.At("asked.bin"))).ToArray();
    }

    // Null where there is no PyTorch.
    private string? Python(StudentApplication app, params string[] arguments)
    {
        if (!Directory.Exists("/usr/lib/python3/dist-packages/torch"))
        {
            output.WriteLine($"python3-torch is not installed: '{arguments[0]}' is left out.");
            return null;
        }
        var start = new ProcessStartInfo("/usr/bin/python3", [Path.Combine(Here, "teacher.py"), .. arguments])
        {
            WorkingDirectory = app.Root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, error.Result);
        return said;
    }

    private static string Kd(StudentApplication app, params string[] arguments) =>
        Commands.Dotnet(app.Root, [Commands.Kd, .. arguments]);

    // What 'kd predict' says by libtorch, of all classes, as logits but for a number per image.
    private static float[] Predicted(StudentApplication app, List<string[]> answers)
    {
        string[] predict = ["predict", "run", app.At("data", "test"), "--top", $"{Classes.Length}", "--csv"];
        // Beside its rows it says how far it is.
        var rows = Kd(app, predict)
            .Split('\n')
            .Select(r => r.Split(','))
            .Where(r => r.Length == 5 && r[0] != "path")
            .ToList();
        Assert.Equal(answers.Count * Classes.Length, rows.Count);
        var found = new float[rows.Count];
        foreach (var row in rows)
        {
            var image = answers.FindIndex(a => row[0].EndsWith(a[0], StringComparison.Ordinal));
            found[image * Classes.Length + int.Parse(row[3], CultureInfo.InvariantCulture)] = float.Parse(
                row[4],
                CultureInfo.InvariantCulture
            );
        }
        return [.. found.Select(p => MathF.Log(p))];
    }

    private static double Loss(List<string[]> answers, float[] logits)
    {
        var names = Classes.Order(StringComparer.Ordinal).ToList();
        return answers
            .Select(
                (a, i) =>
                {
                    var row = logits.AsSpan(i * Classes.Length, Classes.Length).ToArray();
                    return Math.Log(row.Sum(l => Math.Exp(l))) - row[names.IndexOf(a[0].Split('/')[0])];
                }
            )
            .Average();
    }

    // Of each image, without the number that a softmax does not see.
    private static void Agree(float[] expected, float[] found)
    {
        Assert.Equal(expected.Length, found.Length);
        foreach (var (e, f) in expected.Chunk(Classes.Length).Zip(found.Chunk(Classes.Length)))
        {
            Assert.Equal(Array.IndexOf(e, e.Max()), Array.IndexOf(f, f.Max()));
            var shift = e.Average() - f.Average();
            for (var c = 0; c < Classes.Length; c++)
                Assert.InRange(f[c] + shift - e[c], -1e-4, 1e-4);
        }
    }
}
