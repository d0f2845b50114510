using System.Xml.Linq;

namespace KdPlugins.Architecture.Tests;

/// <summary>Arrows between the folders of a room point down too, and nowhere do they make a circle.</summary>
public sealed class FolderTests
{
    public static TheoryData<string> Rooms =>
        [
            "core/Sdk",
            "core/Sdk.Analyzers",
            "core/Sdk.Build",
            "core/Student",
            "core/Testing",
            "core/Torch",
            "host",
            .. Repository.Files("plugins/*.csproj").Select(p => Path.GetDirectoryName(p)!),
        ];

    public static TheoryData<string> FSharpProjects => [.. Repository.Files("*.fsproj")];

    // From the ground up; "." are the files that lie in no folder.
    [Theory]
    [InlineData(
        "core/Torch",
        "Errors Files Native Memory Stable Layout Instructions Precision Operators Optim Random Onnx Tracing Frozen Weights Judging"
    )]
    [InlineData("core/Testing", ". Conformance")]
    [InlineData("host", "Errors Texts Loading Runs Reports Service Commands .")]
    [InlineData(
        "host/Commands",
        ". Doctor Explain Plugins Run Check Study Probe Recipes Results Service Students Completion Tools New"
    )]
    [InlineData("host/Loading", ". Files Manifest Inspection Contexts Parts Packages Folders Listing Recipes")]
    [InlineData("host/Reports", "Charts Images Page .")]
    [InlineData("host/Service", ". Connections Queue Processes Plugins Workers Intake Api Dashboard Hosting")]
    public void The_folders_of_a_room_use_only_what_lies_below(string room, string fromTheGroundUp)
    {
        var order = fromTheGroundUp.Split(' ');
        var sources = Sources(room);
        var arrows = new FolderArrows(sources).Below("");
        Assert.Equal(order.Order(), sources.Select(s => FolderArrows.FolderOf(s.Key, "")).Distinct().Order());
        var upwards = arrows
            .Where(a => Array.IndexOf(order, a.From) < Array.IndexOf(order, a.To))
            .Select(a => FolderArrows.Describe(a.From, a.To, arrows))
            .Distinct();
        Assert.True(!upwards.Any(), $"{room}:\n{string.Join("\n", upwards)}");
    }

    [Theory]
    [MemberData(nameof(Rooms))]
    public void The_folders_of_a_room_make_no_circle_at_any_depth(string room)
    {
        var folders = new FolderArrows(Sources(room));
        foreach (var parent in folders.Parents())
        {
            var arrows = folders.Below(parent);
            var circle = FolderArrows.Circle(arrows);
            Assert.True(circle.Count == 0, $"{Path.Combine(room, parent)}:\n{FolderArrows.Describe(circle, arrows)}");
        }
    }

    // F# itself lets a file use only those above it: folders that are entered once make no circle.
    [Theory]
    [MemberData(nameof(FSharpProjects))]
    public void The_compile_order_enters_each_folder_once(string project)
    {
        var files = XDocument
            .Load(Path.Combine(Repository.Root, project))
            .Descendants("Compile")
            .Select(c => (string)c.Attribute("Include")!)
            .ToList();
        Assert.NotEmpty(files);
        Assert.Empty(EnteredAgain(files));
    }

    [Theory]
    [InlineData("", "A/1.fs B/1.fs C.fs")]
    [InlineData("A", "A/1.fs B/1.fs A/2.fs")]
    [InlineData("A", "A/1.fs B.fs A/2.fs")]
    [InlineData("A/X", "A/X/1.fs A/Y/1.fs A/X/2.fs")]
    public void A_folder_that_is_entered_again_is_named(string folders, string order) =>
        Assert.Equal(folders, string.Join(' ', EnteredAgain(order.Split(' '))));

    private static IEnumerable<string> EnteredAgain(IReadOnlyList<string> files)
    {
        var left = new HashSet<string>();
        HashSet<string> inside = [];
        foreach (var file in files)
        {
            HashSet<string> now = [];
            for (var f = Path.GetDirectoryName(file)!; f.Length > 0; f = Path.GetDirectoryName(f)!)
                now.Add(f);
            left.UnionWith(inside.Except(now));
            foreach (var folder in now.Where(f => left.Remove(f)))
                yield return folder;
            inside = now;
        }
    }

    private static Dictionary<string, string> Sources(string room) =>
        Repository
            .Files($"{room}/*.cs")
            .ToDictionary(f => f[(room.Length + 1)..], f => File.ReadAllText(Path.Combine(Repository.Root, f)));
}
