namespace KdPlugins.Architecture.Tests;

/// <summary>The search for circles finds those that are planted, and only those.</summary>
public sealed class FolderArrowsTests
{
    private const string Widget =
        "namespace Room;\n\npublic static class Widget\n{\n    public static int Size => 1;\n}\n";

    private static readonly (string, string)[] Straight =
    [
        ("Low/Widget.cs", Widget),
        ("High/User.cs", "namespace Room;\n\ninternal class User\n{\n    private int _size = Widget.Size;\n}\n"),
    ];

    [Fact]
    public void A_folder_that_uses_another_is_no_circle()
    {
        var arrows = Arrows(Straight);
        Assert.Equal([new("High", "Low", "High/User.cs", "Widget")], arrows);
        Assert.Empty(FolderArrows.Circle(arrows));
    }

    [Theory]
    [InlineData("internal class Planted : User { }", "User")]
    [InlineData("internal class Planted { int Of(User user) => 1; }", "User")]
    [InlineData("internal class Planted { string Of() => $\"{nameof(User)}\"; }", "User")]
    [InlineData("internal class Planted { object Of() => new Room.User(); }", "User")]
    [InlineData("internal class Planted { string Of() => $\"{string.Join(\", \", 1)}: {nameof(User)}.\"; }", "User")]
    public void A_planted_circle_is_named_with_its_files_and_types(string code, string type)
    {
        var arrows = Arrows([.. Straight, ("Low/Planted.cs", $"namespace Room;\n\n{code}\n")]);
        var circle = FolderArrows.Circle(arrows);
        Assert.Equal(3, circle.Count);
        Assert.Equal(circle[0], circle[^1]);
        var text = FolderArrows.Describe(circle, arrows);
        Assert.Contains("High -> Low: High/User.cs (Widget)", text);
        Assert.Contains($"Low -> High: Low/Planted.cs ({type})", text);
    }

    [Theory]
    [InlineData("// A User.")]
    [InlineData("internal class Planted { string Of() => \"User\"; }")]
    [InlineData("internal class Planted { int User { get; } int Of() => User; }")]
    [InlineData("internal class Planted { int Of(Planted other) => other.User(); }")]
    [InlineData("internal class Planted { object Of() => Other.User; }")]
    public void What_only_has_a_types_name_is_no_arrow(string code) =>
        Assert.Empty(FolderArrows.Circle(Arrows([.. Straight, ("Low/Planted.cs", $"namespace Room;\n\n{code}\n")])));

    [Fact]
    public void A_circle_of_three_is_found()
    {
        var arrows = Arrows([
            ("A/A.cs", "namespace Room;\n\nclass A1 : B1 { }\n"),
            ("B/B.cs", "namespace Room;\n\nclass B1 : C1 { }\n"),
            ("C/C.cs", "namespace Room;\n\nclass C1 : A1 { }\n"),
            ("D/D.cs", "namespace Room;\n\nclass D1 : A1 { }\n"),
        ]);
        Assert.Equal(["A", "B", "C", "A"], FolderArrows.Circle(arrows));
    }

    [Fact]
    public void A_using_and_an_extension_method_are_arrows()
    {
        var arrows = Arrows([
            (
                "Low/Far.cs",
                "namespace Room.Low;\n\npublic static class Far\n{\n    public static int Twice(this int n) => 2 * n;\n}\n"
            ),
            ("High/Called.cs", "using Room.Low;\n\nnamespace Room.High;\n\nclass Called { int X = 1.Twice(); }\n"),
            ("Top/Said.cs", "using Room.High;\n\nnamespace Room.Top;\n\nclass Said { }\n"),
        ]);
        Assert.Equal(
            [("High", "Low", ".Twice"), ("High", "Low", "using Room.Low"), ("Top", "High", "using Room.High")],
            arrows.Select(a => (a.From, a.To, a.Name))
        );
    }

    [Fact]
    public void A_name_behind_its_namespace_needs_no_using()
    {
        var arrows = Arrows([
            ("Low/Planted.cs", "namespace Room.Low;\n\nclass Planted { object Of() => typeof(High.User); }\n"),
            ("High/User.cs", "namespace Room.High;\n\nclass User { }\n"),
        ]);
        Assert.Equal([new("Low", "High", "Low/Planted.cs", "User")], arrows);
    }

    [Fact]
    public void Of_two_types_with_one_name_the_using_decides()
    {
        (string, string)[] two =
        [
            ("A/Same.cs", "namespace Room.A;\n\nclass Same { }\n"),
            ("B/Same.cs", "namespace Room.B;\n\nclass Same { }\n"),
        ];
        var arrows = Arrows([.. two, ("C/C.cs", "using Room.B;\n\nnamespace Room.C;\n\nclass C1 : Same { }\n")]);
        Assert.Equal(["B", "B"], arrows.Select(a => a.To));
        Assert.Empty(Arrows([.. two, ("C/C.cs", "namespace Room.C;\n\nclass C1 : Same { }\n")]));
    }

    [Fact]
    public void Files_beside_the_folders_count_as_one_more()
    {
        var arrows = Arrows([
            ("Low/Widget.cs", "namespace Room;\n\nclass Widget : Base { }\n"),
            ("Base.cs", "namespace Room;\n\nclass Base { }\n"),
            ("Top.cs", "namespace Room;\n\nclass Top : Widget { }\n"),
        ]);
        Assert.Equal([".", "Low", "."], FolderArrows.Circle(arrows));
    }

    [Fact]
    public void A_deeper_circle_is_one_of_the_folder_that_holds_it()
    {
        var folders = new FolderArrows(
            new Dictionary<string, string>
            {
                ["Room/A/A.cs"] = "namespace Room;\n\nclass A1 : B1 { }\n",
                ["Room/B/B.cs"] = "namespace Room;\n\nclass B1 : A1 { }\n",
            }
        );
        Assert.Equal(["", "Room"], folders.Parents());
        Assert.Empty(folders.Below(""));
        Assert.Equal(["A", "B", "A"], FolderArrows.Circle(folders.Below("Room")));
    }

    private static IReadOnlyList<Arrow> Arrows((string Path, string Text)[] sources) =>
        new FolderArrows(sources.ToDictionary(s => s.Path, s => s.Text)).Below("");
}
