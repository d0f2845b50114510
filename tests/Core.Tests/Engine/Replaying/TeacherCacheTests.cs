using System.Buffers.Binary;
using System.Security.Cryptography;
using KdPlugins.Testing;
using KdPlugins.Torch;
using static KdPlugins.Core.Tests.Engine.Replaying.ReplayParts;

namespace KdPlugins.Core.Tests.Engine.Replaying;

/// <summary>A recipe's <c>teacherCache</c>: who is asked when, and what comes of it.</summary>
public sealed class TeacherCacheTests : IDisposable
{
    private const string Store = """ "folder": "answers", "views": 2 """;
    private const string Nothing = """ "store": false, "views": 2 """;

    private readonly RecipeRun _runs = new(Catalog);
    private int _count;

    public void Dispose() => _runs.Dispose();

    [Fact]
    public void A_run_whose_answers_are_there_never_asks_the_teacher_and_ends_bit_for_bit_the_same()
    {
        var live = Run(Recipe(Nothing, Noise));
        var cold = Run(Recipe(Store, Noise));
        var warm = Run(Recipe(Store, Noise));
        Assert.Equal((2 * BatchesPerEpoch, 2 * BatchesPerEpoch, 0), (live.Calls, cold.Calls, warm.Calls));
        Assert.Equal(live.Student, cold.Student);
        Assert.Equal(live.Student, warm.Student);
    }

    [Fact]
    public void Without_augmentations_the_student_is_the_one_of_a_recipe_without_stored_answers()
    {
        var plain = Run(Recipe(null));
        var stored = Run(Recipe(""" "folder": "answers" """));
        // One view of each sample: the second epoch finds the first one's answers.
        Assert.Equal((2 * BatchesPerEpoch, BatchesPerEpoch), (plain.Calls, stored.Calls));
        Assert.Equal(plain.Student, stored.Student);
    }

    [Fact]
    public void Runs_of_other_lengths_views_and_losses_share_answers()
    {
        Run(Recipe(Store, Noise));
        Assert.Equal(0, Run(Recipe(Store, Noise, epochs: 4)).Calls);
        // Of three views the first two are there.
        Assert.Equal(BatchesPerEpoch, Run(Recipe(Store.Replace('2', '3'), Noise, epochs: 3)).Calls);
        // What another loss needs is part of what is there.
        Assert.Equal(
            0,
            Run(
                Recipe(Store, Noise)
                    .Replace(", { \"id\": \"at\"", ", { \"id\": \"kd\"")
                    .Replace("\"taps\": [\"map\"]", "")
            ).Calls
        );
    }

    [Fact]
    public void Another_seed_sees_the_same_views_in_another_order()
    {
        var teacher = Path.Combine(Path.GetDirectoryName(_runs.Path("x"))!, "teacher.safetensors");
        Run(Recipe(Nothing, Noise));
        File.Copy(Path.Combine(_runs.Path("run-1"), "teacher-last.safetensors"), teacher);
        string Of(int seed) =>
            Recipe(Store, Noise, seed: seed)
                .Replace("\"id\": \"counted\",", "\"id\": \"counted\", \"weights\": \"teacher.safetensors\",");
        var first = Run(Of(1));
        var second = Run(Of(2));
        Assert.Equal((2 * BatchesPerEpoch, 0), (first.Calls, second.Calls));
        Assert.NotEqual(first.Student, second.Student);
    }

    [Theory]
    [InlineData("teacher")]
    [InlineData("options")]
    [InlineData("order")]
    [InlineData("data")]
    public void Answers_of_another_teacher_pipeline_or_data_are_not_taken(string what)
    {
        var two = Noise.Replace(
            """[ { "id": "noise" } ], "teacher" """.TrimEnd(),
            """[ { "id": "noise" }, { "id": "noise", "options": { "size": 0.2 } } ], "teacher" """.TrimEnd()
        );
        Run(Recipe(Store, two));
        var other = what switch
        {
            "teacher" => Recipe(Store, two, seed: 2),
            "options" => Recipe(Store, two.Replace("0.2", "0.3")),
            "order" => Recipe(
                Store,
                two.Replace(
                    "\"noise\" }, { \"id\": \"noise\", \"options\": { \"size\": 0.2 }",
                    "\"noise\", \"options\": { \"size\": 0.2 } }, { \"id\": \"noise\""
                )
            ),
            _ => Recipe(Store, two).Replace("\"size\": 8", "\"size\": 9"),
        };
        var (calls, student, _) = Run(other);
        Assert.NotEqual(0, calls);
        Assert.Equal(Run(other.Replace("\"folder\": \"answers\"", "\"store\": false")).Student, student);
    }

    [Fact]
    public void A_teacher_that_the_run_trains_first_is_stored_as_it_is_then()
    {
        var prepared = """ "prepare": [ { "role": "teacher" } ], """;
        var live = Run(Recipe(Nothing, Noise, more: prepared));
        var cold = Run(Recipe(Store, Noise, more: prepared));
        var warm = Run(Recipe(Store, Noise, more: prepared));
        Assert.Equal(2 * BatchesPerEpoch, cold.Calls - warm.Calls);
        Assert.Equal(live.Student, cold.Student);
        Assert.Equal(live.Student, warm.Student);
        // While it learns it sees as much as ever.
        Run(Recipe(null, Noise, more: prepared));
        Assert.Equal(Tensors($"run-{_count}", "teacher"), Tensors("run-1", "teacher"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_run_in_pieces_ends_as_the_whole_one(int steps)
    {
        var recipe = Recipe(""" "folder": "answers", "values": "int8", "topLogits": 3 """, Noise, epochs: 3);
        _runs.Pieces(recipe.Replace("answers", "other"), "pieces", steps);
        Assert.Equal(Run(recipe).Student, Tensors("pieces", "student"));
    }

    [Fact]
    public void Damaged_rows_are_asked_anew_and_mended()
    {
        var cold = Run(Recipe(Store, Noise));
        foreach (var path in Directory.EnumerateFiles(_runs.Path("answers")))
        {
            var bytes = File.ReadAllBytes(path);
            // Here and there in the rows, and the end cut off in the midst of one.
            for (var i = 4500; i < bytes.Length; i += 613)
                bytes[i] ^= 64;
            File.WriteAllBytes(path, bytes[..(bytes.Length * 3 / 4)]);
        }
        var after = Run(Recipe(Store, Noise));
        Assert.NotEqual(0, after.Calls);
        Assert.Equal(cold.Student, after.Student);
        Assert.Equal((0, cold.Student), (Run(Recipe(Store, Noise)) is var last ? last.Calls : -1, last.Student));
    }

    [Theory]
    [InlineData("bf16")]
    [InlineData("int8")]
    public void Answers_that_were_made_smaller_are_the_same_cold_and_warm(string values)
    {
        var cache = $$""" {{Store}}, "values": "{{values}}" """;
        var cold = Run(Recipe(cache, Noise));
        Assert.Equal((0, cold.Student), (Run(Recipe(cache, Noise)) is var warm ? warm.Calls : -1, warm.Student));
        Assert.NotEqual(Run(Recipe(Nothing, Noise)).Student, cold.Student);
    }

    [Fact]
    public void Largest_logits_are_the_same_cold_and_warm_and_are_warned_of()
    {
        var cache = $$""" {{Store}}, "topLogits": 3 """;
        var cold = Run(Recipe(cache, Noise));
        Assert.Single(cold.Warnings, w => w.Contains("topLogits is 3"));
        Assert.Equal((0, cold.Student), (Run(Recipe(cache, Noise)) is var warm ? warm.Calls : -1, warm.Student));
    }

    [Fact]
    public void A_folder_that_cannot_be_one_costs_a_warning()
    {
        File.WriteAllText(_runs.Path("answers"), "a file");
        var (calls, student, warnings) = Run(Recipe(Store, Noise));
        Assert.Single(warnings, w => w.Contains("cannot be written to"));
        Assert.Equal(2 * BatchesPerEpoch, calls);
        Assert.Equal(Run(Recipe(Nothing, Noise)).Student, student);
    }

    [SkippableFact]
    public void A_volume_that_is_full_costs_a_warning()
    {
        using var volume = SmallVolume.Mount(_runs.Path("answers"), mebibytes: 1);
        volume.Fill();
        var (_, student, warnings) = Run(Recipe(Store, Noise));
        Assert.Single(warnings, w => w.Contains("cannot be written to"));
        Assert.Equal(Run(Recipe(Nothing, Noise)).Student, student);
        volume.Empty();
        Run(Recipe(Store, Noise));
        Assert.Equal(0, Run(Recipe(Store, Noise)).Calls);
    }

    [Theory]
    [InlineData(""" "view": 2 """, "KDP0203", "Did you mean 'views'?")]
    [InlineData(""" "views": -1 """, "KDP0206", "whole number from 1")]
    [InlineData(""" "values": "int4" """, "KDP0206", "float32, bf16, int8")]
    [InlineData(""" "maxGigabytes": 0 """, "KDP0206", "above 0")]
    [InlineData(""" "roles": [] """, "KDP0206", "at least 1")]
    [InlineData(""" "roles": [ "techer" ] """, "KDP0208", "Did you mean 'teacher'?")]
    public void What_the_section_cannot_mean_is_refused(string cache, string code, string says)
    {
        var failure = Assert.ThrowsAny<KdException>(() => _runs.Read(Recipe(cache)));
        Assert.Contains(code, failure.Message);
        Assert.Contains(says, failure.Message);
    }

    [Theory]
    [InlineData(""" "topLogits": 12 """, Noise, "KDP0306", "[12]")]
    [InlineData(""" "maxGigabytes": 0.00001 """, Noise, "KDP0335", "'teacher' for 64 samples")]
    [InlineData(
        "",
        """ "shared": [ { "id": "noise" }, { "id": "rolled" } ] """,
        "KDP0334",
        "augmentations.shared[1] ('rolled')"
    )]
    [InlineData("", """ "teacher": [ { "id": "rolled" } ] """, "KDP0334", "augmentations.teacher[0] ('rolled')")]
    public void What_cannot_be_stored_is_refused_before_the_first_step(
        string cache,
        string views,
        string code,
        string says
    )
    {
        var recipe = Recipe($""" "folder": "answers" {(cache.Length > 0 ? "," : "")} {cache} """, views);
        foreach (var act in (Action[])[() => _runs.Whole(recipe, "refused"), () => Check(recipe)])
        {
            var failure = Assert.ThrowsAny<KdException>(act);
            Assert.Equal(code, failure.Code.Id);
            Assert.Contains(says, failure.Message);
        }
        Assert.False(Directory.Exists(_runs.Path("answers")));
    }

    [Fact]
    public void A_student_s_own_views_may_follow_from_anything() =>
        Assert.Equal(0, Twice(Recipe(Store, Noise + """, "student": [ { "id": "rolled" } ] """)));

    [Fact]
    public void What_the_folder_holds_counts_too()
    {
        Run(Recipe(Store, Noise));
        var bytes = Directory.EnumerateFiles(_runs.Path("answers")).Sum(f => new FileInfo(f).Length);
        // Enough for the answers of one teacher, not for those of two.
        var limit = FormattableString.Invariant($"\"maxGigabytes\": {1.5 * bytes / (1 << 30):0.000000000}");
        var (_, _, warnings) = Run(Recipe($"{Store}, {limit}", Noise, seed: 2));
        Assert.Single(warnings, w => w.Contains("would be above teacherCache.maxGigabytes"));
        Assert.True(Directory.EnumerateFiles(_runs.Path("answers")).Sum(f => new FileInfo(f).Length) <= 1.5 * bytes);
    }

    [Fact]
    public void A_check_says_what_is_stored_and_what_is_there_and_writes_nothing()
    {
        var before = Check(Recipe(Store, Noise)).Answers.Single();
        Assert.Equal(
            ("teacher", "train", 64, 2, 0.0),
            (before.Role, before.Source, before.Samples, before.Views, before.Present)
        );
        Assert.True(before.PassSeconds > 0);
        Assert.False(Directory.Exists(_runs.Path("answers")));
        Run(Recipe(Store, Noise, epochs: 1));
        var bytes = Directory.EnumerateFiles(_runs.Path("answers")).Sum(f => new FileInfo(f).Length);
        var half = Check(Recipe(Store, Noise)).Answers.Single();
        Assert.Equal((bytes, 0.5), (half.Bytes, half.Present));
        Run(Recipe(Store, Noise));
        var after = Check(Recipe(Store, Noise)).Answers.Single();
        Assert.Equal((1.0, 0.0), (after.Present, after.PassSeconds));
        Assert.Null(
            Check(Recipe(Store, Noise, more: """ "prepare": [ { "role": "teacher" } ], """)).Answers.Single().Present
        );
        Assert.Empty(Check(Recipe(null)).Answers);
    }

    // The tensors alone: the header holds the recipe's identity.
    private string Tensors(string run, string role)
    {
        var bytes = File.ReadAllBytes(Path.Combine(_runs.Path(run), $"{role}-last.safetensors"));
        return Convert.ToHexString(SHA256.HashData(bytes.AsSpan(8 + BinaryPrimitives.ReadInt32LittleEndian(bytes))));
    }

    private int Twice(string recipe)
    {
        Run(recipe);
        return Run(recipe).Calls;
    }

    private PreflightReport Check(string recipe) =>
        Preflight.Run(_runs.Read(recipe), Catalog, new() { Samples = 8, Steps = 2 });

    private (int Calls, string Student, List<string> Warnings) Run(string recipe)
    {
        var (name, heard) = ($"run-{++_count}", new Listener());
        var calls = CountedModel.During(() =>
            Experiment.Run(
                _runs.Read(recipe),
                _runs.Path(name),
                Catalog,
                new SessionOptions { Observer = heard },
                new(),
                CancellationToken.None
            )
        );
        return (calls, Tensors(name, "student"), heard.Warnings);
    }
}
