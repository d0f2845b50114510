using KdPlugins.Testing;

namespace KdPlugins.Composition.Tests;

/// <summary>ICDA's two views with CutMixPick, which asks the teacher, on the student's side.</summary>
public sealed class DualViewPickTests : IDisposable
{
    private const int Batch = 16;

    private readonly RecipeRun _runs = new(Parts.Catalog);

    public void Dispose() => _runs.Dispose();

    private static string Recipe(string kdOn, string witness = """, { "id": "test-witness" }""") =>
        $$"""
            { "name": "pick", "dataset": { "id": "shapes", "options": { "size": 8, "train": 54, "test": 16 } },
              "models": { "teacher": { "id": "cifar-resnet", "options": { "depth": 8 } },
                          "student": { "id": "cifar-resnet", "options": { "depth": 8 } } },
              "augmentations": {
                "teacher": [ { "id": "random-crop", "options": { "padding": 1 } }, { "id": "normalise" } ],
                "student": [ { "id": "horizontal-flip" }, { "id": "normalise" }, { "id": "cut-mix-pick" } ] },
              "losses": [ { "id": "cross-entropy" }, { "id": "kd" }, { "id": "icd" } {{witness}} ],
              "strategy": { "id": "icda", "options": { "kdOn": "{{kdOn}}" } },
              "training": { "epochs": 2, "batchSize": {{Batch}} } }
            """;

    private static double Entropy(float[] logits)
    {
        var top = logits.Max();
        var raised = logits.Select(z => Math.Exp((double)z - top)).ToArray();
        return -raised.Select(e => e / raised.Sum()).Sum(p => p * Math.Log(p));
    }

    private static bool Ascends(Seen seen)
    {
        var entropies = seen.Taught.Select(Entropy).ToArray();
        return entropies.Zip(entropies.Skip(1)).All(pair => pair.First <= pair.Second + 1e-6);
    }

    [Fact]
    public void The_student_sees_the_mixtures_that_the_teacher_is_least_sure_of()
    {
        var all = _runs.Watched(Recipe("same"), "run");
        Assert.Equal(6, all.Count);
        foreach (var seen in all)
        {
            // Half of the pool of two CutMixes, in the order of the teacher's entropy on the very images that are seen.
            var picked = seen.Drawn["cut-mix-pick.picked"];
            Assert.Equal(Batch, picked.Distinct().Count());
            Assert.All(picked, row => Assert.InRange(row, 0, 2 * Batch - 1));
            Assert.True(Ascends(seen));
            Assert.All(seen.Target, shares => Assert.Equal(1, shares.Sum(), 1e-5));
        }
        Assert.Contains(all.SelectMany(s => s.Target), shares => shares.Count(share => share > 0) == 2);
    }

    [Fact]
    public void Across_the_views_the_teacher_answers_its_own_view_of_every_picked_sample()
    {
        var all = _runs.Watched(Recipe("cross"), "run");
        var twice = all.Sum(seen =>
        {
            var bySample = seen
                .Indices.Zip(seen.Taught)
                .GroupBy(pair => pair.First)
                .Where(g => g.Count() > 1)
                .ToArray();
            // A sample that was picked out of both mixtures has one teacher's view, and so one answer.
            foreach (var sample in bySample)
                Assert.All(sample, pair => Assert.Equal(sample.First().Second, pair.Second));
            return bySample.Length;
        });
        Assert.True(twice > 0);
        Assert.Contains(all, seen => !Ascends(seen));
    }

    [Theory]
    [InlineData("same")]
    [InlineData("cross")]
    public void A_run_in_pieces_ends_where_the_whole_one_does(string kdOn)
    {
        var recipe = Recipe(kdOn, witness: "");
        _runs.Whole(recipe, "whole");
        var (_, sittings) = _runs.Pieces(recipe, "pieces", 2);
        Assert.True(sittings > 2);
        Assert.Equal(
            _runs.Sha256("whole", "student-last.safetensors"),
            _runs.Sha256("pieces", "student-last.safetensors")
        );
        Assert.NotEmpty(_runs.Values("whole", "distil", "icd.contrast"));
    }
}
