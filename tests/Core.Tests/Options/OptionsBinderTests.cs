using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using FsCheck.Xunit;
using KdPlugins.Core.FSharpPlugin;
using Xunit;

namespace KdPlugins.Core.Tests.Options;

public sealed class OptionsBinderTests
{
    private static T Bind<T>(string json) => (T)OptionsBinder.Bind(typeof(T), json, "The options");

    private static RecipeFailure[] Failures<T>(string json) =>
        [.. Assert.Throws<RecipeException>(() => Bind<T>(json)).Failures];

    [Fact]
    public void Every_kind_of_value_arrives()
    {
        var options = Bind<EveryKind>(
            """
            { "flag": false, "whole": -7, "large": 9007199254740993, "small": 255, "real": 1e-3, "single": 0.25,
              "text": "", "maybeText": null, "pooling": "global-max", "maybe": 2, "maybePooling": "Mean", "array": [],
              "poolings": ["GLOBALMAX", "mean"], "texts": ["a"], "map": { "x": 1 }, "nested": { "depth": 4 },
              "pairs": [ { "first": 9 }, { "first": 0, "second": "s" } ] }
            """
        );

        Assert.Equal(
            (false, -7, 9007199254740993L, (byte)255, 1e-3, 0.25f),
            (options.Flag, options.Whole, options.Large, options.Small, options.Real, options.Single)
        );
        Assert.Equal(
            ("", null, Pooling.GlobalMax, 2.0, Pooling.Mean),
            (options.Text, options.MaybeText, options.Pooling, options.Maybe, options.MaybePooling)
        );
        Assert.Empty(options.Array);
        Assert.Equal([Pooling.GlobalMax, Pooling.Mean], options.Poolings);
        Assert.Equal(["a"], options.Texts);
        Assert.Equal(1, options.Map["x"]);
        Assert.Equal(new Part { Depth = 4, Name = "part" }, options.Nested);
        Assert.Equal([new Pair(9), new Pair(0, "s")], options.Pairs);
    }

    [Fact]
    public void What_is_left_out_keeps_the_authors_default()
    {
        var options = Bind<EveryKind>("{}");

        Assert.Equal(OptionsBinder.ToJson(new EveryKind()), OptionsBinder.ToJson(options));
        Assert.Equal([1], options.Array);
    }

    [Theory]
    [InlineData("3.0", 3)]
    [InlineData("3e2", 300)]
    [InlineData("2500e-2", 25)]
    [InlineData("-0", 0)]
    [InlineData("0e99999999999", 0)]
    [InlineData("2147483647.000", 2147483647)]
    public void Whole_numbers_may_be_written_in_any_form(string digits, int value) =>
        Assert.Equal(value, Bind<EveryKind>($"{{\"whole\": {digits}}}").Whole);

    [Theory]
    [InlineData("whole", "3.5", "KDP0205", "a whole number")]
    [InlineData("whole", "1e-400", "KDP0205", "a whole number")]
    [InlineData("whole", "3.00000000000000000000000000000000000001", "KDP0205", "a whole number")]
    [InlineData("whole", "2147483648", "KDP0206", "from -2147483648 to 2147483647")]
    [InlineData("whole", "1e2147483648", "KDP0206", "from -2147483648 to 2147483647")]
    [InlineData("small", "-1", "KDP0206", "from 0 to 255")]
    [InlineData("real", "1e309", "KDP0206", "a finite number")]
    [InlineData("single", "1e39", "KDP0206", "a finite number")]
    [InlineData("real", "\"NaN\"", "KDP0205", "a number")]
    [InlineData("flag", "\"true\"", "KDP0205", "true or false")]
    [InlineData("text", "null", "KDP0205", "a value")]
    [InlineData("text", "1", "KDP0205", "a text")]
    [InlineData("pooling", "0", "KDP0205", "one of mean, global-max")]
    [InlineData("pooling", "\"meen\"", "KDP0206", "one of mean, global-max")]
    [InlineData("array", "{}", "KDP0205", "an array")]
    [InlineData("array", "[1, null]", "KDP0205", "a whole number")]
    [InlineData("map", "[]", "KDP0205", "an object")]
    [InlineData("nested", "3", "KDP0205", "an object")]
    [InlineData("twice", "2", "KDP0203", "one of flag, whole")]
    public void A_value_that_does_not_fit_is_named(string key, string value, string code, string expected)
    {
        var failure = Assert.Single(Failures<EveryKind>($"{{\"{key}\": {value}}}"));

        Assert.Equal(code, failure.Code.Id);
        Assert.StartsWith(key, failure.Path, StringComparison.Ordinal);
        Assert.Contains(expected, failure.Expected, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("real", "3.4", "a number from 1 to 3")]
    [InlineData("real", "0.6", "a number from 1 to 3")]
    [InlineData("single", "0.51", "a number from 0.1 to 0.5")]
    [InlineData("large", "10", "a whole number from 1 to below 10")]
    [InlineData("large", "9223372036854775807", "a whole number from 1 to below 10")]
    [InlineData("text", "\"a\"", "a length of at least 2")]
    [InlineData("text", "\"abcde\"", "a length of at most 4")]
    [InlineData("text", "null", "a value")]
    [InlineData("letters", "\"abcd\"", "a text that matches [a-c]+")]
    [InlineData("letters", "\"\"", "a text that matches [a-c]+")]
    [InlineData("letters", "\"a\\n\"", "a text that matches [a-c]+")]
    [InlineData("two", "[1,2,3]", "a length from 1 to 2")]
    [InlineData("choice", "9", "one of 8, 16")]
    [InlineData("short", "\"abcd\"", "a length from 1 to 3")]
    [InlineData("word", "\"no\"", "none of no")]
    [InlineData("share", "2", "a share, says the author")]
    public void What_the_authors_checks_refuse_is_named_with_the_bounds(string key, string value, string expected)
    {
        var failure = Assert.Single(Failures<Checked>($"{{\"{key}\": {value}}}"));

        Assert.Equal((key, expected), (failure.Path, failure.Expected));
    }

    [Theory]
    [InlineData("real", "3")]
    [InlineData("single", "0.1")]
    [InlineData("large", "9")]
    [InlineData("choice", "16.0")]
    public void Bounds_themselves_are_allowed(string key, string value) => Bind<Checked>($"{{\"{key}\": {value}}}");

    [Fact]
    public void Checks_of_positional_records_and_paths_into_arrays_hold()
    {
        var failures = Failures<EveryKind>(
            """{ "pairs": [ { "first": 1 }, { "first": 10 }, {}, { "furst": 1, "first": 2 } ] }"""
        );

        Assert.Equal(["pairs[1].first", "pairs[2].first", "pairs[3].furst"], failures.Select(f => f.Path));
        Assert.Equal(["KDP0206", "KDP0207", "KDP0203"], failures.Select(f => f.Code.Id));
        Assert.Equal("Did you mean 'first'?", failures[2].Suggestion);
    }

    public sealed record NeedsPath
    {
        [Required, MinLength(1)]
        public string Path { get; init; } = "";
    }

    [Theory]
    [InlineData("{}", "KDP0207")]
    [InlineData("""{ "path": "" }""", "KDP0206")]
    [InlineData("""{ "path": null }""", "KDP0205")]
    public void What_is_required_is_missing_once(string json, string code)
    {
        var failure = Assert.Single(Failures<NeedsPath>(json));

        Assert.Equal((code, "path", "a value"), (failure.Code.Id, failure.Path, failure.Expected));
    }

    [Fact]
    public void All_failures_come_at_once()
    {
        var failures = Failures<EveryKind>(
            """{ "whole": "x", "real": true, "whole": 1, "wohle": 2, "nested": { "depth": [], "d": 1 } }"""
        );

        Assert.Equal(
            ["KDP0203 nested.d", "KDP0203 wohle", "KDP0204 whole", "KDP0205 nested.depth", "KDP0205 real"],
            failures.Select(f => $"{f.Code.Id} {f.Path}").Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public void Documents_of_elements_bind_too()
    {
        using var document = JsonDocument.Parse("""{ "options": { "whole": 5 } }""");

        var options = (EveryKind)
            OptionsBinder.Bind(typeof(EveryKind), document.RootElement.GetProperty("options"), "x");

        Assert.Equal(5, options.Whole);
    }

    [Fact]
    public void FSharp_classes_and_records_bind_with_their_own_checks()
    {
        var options = Bind<MixOptions>(
            """{ "count": 4, "mode": "very-slow", "limit": 3, "inner": { "share": 0.25 }, "many": [ { "share": 1, "name": "n" } ], "modes": { "a": "fast" } }"""
        );

        Assert.Equal((4, Mode.VerySlow, 3), (options.Count, options.Mode, options.Limit));
        Assert.Equal(new Inner(0.25, "x"), options.Inner);
        Assert.Equal([new Inner(1, "n")], options.Many);
        Assert.Equal(Mode.Fast, options.Modes["a"]);
        Assert.Equal(
            """{"depth":2,"rate":0.5}""",
            OptionsBinder.ToJson(Bind<BareOptions>("""{ "depth": 2, "rate": 0.5 }"""))
        );
        Assert.Equal("an even number", Assert.Single(Failures<MixOptions>("""{ "count": 3 }""")).Expected);
        Assert.Equal("inner.share", Assert.Single(Failures<MixOptions>("""{ "inner": { "share": 2 } }""")).Path);
    }

    [Fact]
    public void An_object_that_validates_itself_names_the_keys()
    {
        var failures = Failures<MixOptions>("""{ "count": 6 }""");

        Assert.Equal(["count", "mode"], failures.Select(f => f.Path).Order());
        Assert.All(failures, f => Assert.Equal("six is too much for fast", f.Found));
    }

    public sealed class NoWay
    {
        private NoWay() { }
    }

    public sealed record HoldsObject
    {
        public object? Anything { get; init; }
    }

    public sealed record HoldsItself
    {
        public HoldsItself? Next { get; init; }
    }

    public sealed record Throws
    {
        public int Value
        {
            get => 0;
            init => throw new InvalidOperationException("never set this");
        }
    }

    [Fact]
    public void A_type_that_cannot_be_bound_is_the_authors_fault_and_says_so()
    {
        Assert.Equal("KDP0213", Assert.Single(Failures<NoWay>("{}")).Code.Id);
        Assert.Equal("KDP0213", Assert.Single(Failures<HoldsObject>("""{ "anything": {} }""")).Code.Id);
        var deep = string.Concat(Enumerable.Repeat("{\"next\":", 28)) + "{}" + new string('}', 28);
        Assert.Equal("KDP0213", Assert.Single(Failures<HoldsItself>(deep)).Code.Id);
        Assert.Equal("never set this", Assert.Single(Failures<Throws>("{}")).Found);
        Assert.Equal("KDP0215", Assert.Single(Failures<Throws>("{}")).Code.Id);
    }

    [Fact]
    public void What_cannot_be_written_is_the_authors_fault_too()
    {
        var e = Assert.Throws<KdPlugins.Torch.KdException>(() =>
            OptionsBinder.ToJson(new HoldsObject { Anything = 1 })
        );
        var nan = Assert.Throws<KdPlugins.Torch.KdException>(() =>
            OptionsBinder.ToJson(new EveryKind { Real = double.NaN })
        );

        Assert.Equal(("KDP0213", "KDP0213"), (e.Code.Id, nan.Code.Id));
    }

    [Property(MaxTest = 300)]
    public void Options_survive_writing_and_reading(
        bool flag,
        int whole,
        long large,
        byte small,
        double real,
        float single,
        string text,
        int[] array
    )
    {
        var options = new EveryKind
        {
            Flag = flag,
            Whole = whole,
            Large = large,
            Small = small,
            Real = double.IsFinite(real) ? real : 0,
            Single = float.IsFinite(single) ? single : 0,
            Text = Unicode(text),
            MaybeText = flag ? null : Unicode(text),
            Maybe = flag ? null : 1 / 3.0,
            Pooling = flag ? Pooling.GlobalMax : Pooling.Mean,
            Array = array ?? [],
            Map = new Dictionary<string, int>
            {
                ["b"] = whole,
                ["a"] = 1,
                [Unicode(text)] = 2,
            },
            Pairs = [new Pair(small % 10, Unicode(text))],
        };

        var json = OptionsBinder.ToJson(options);
        var back = Bind<EveryKind>(json);

        Assert.Equal(json, OptionsBinder.ToJson(back));
        Assert.Equal((options.Real, options.Single, options.Large), (back.Real, back.Single, back.Large));
        Assert.Equal((options.Text, options.MaybeText), (back.Text, back.MaybeText));
        Assert.Equal(options.Pairs, back.Pairs);
    }

    // JSON cannot hold lone surrogates.
    private static string Unicode(string? text) => new([.. (text ?? "").Where(c => !char.IsSurrogate(c))]);
}
