using KdPlugins.Core.Tests.Engine.Proofs;
using KdPlugins.Testing;
using KdPlugins.Torch;

namespace KdPlugins.Core.Tests.Engine.Training;

/// <summary>Draws by class: as often of each, with replacement, and a function of the batch's number alone.</summary>
public sealed class SamplingTests : IDisposable
{
    private readonly RecipeRun _runs = new(
        EngineRun.Catalog.With(typeof(PlainModel), typeof(SampleChoiceTests.OrderedPlugin))
    );

    public void Dispose() => _runs.Dispose();

    private static readonly long[][] Classes =
    [
        [7],
        [.. Enumerable.Range(10, 90).Select(i => (long)i)],
    ];

    private static SampleOrder Order(ulong key = 1) => new(100, 10, new RandomKey(key), Classes);

    [Fact]
    public void Classes_come_as_often_whatever_they_hold_and_every_sample_of_one_as_often()
    {
        var order = Order();
        Assert.Equal(10, order.PerEpoch);
        var drawn = Enumerable.Range(0, 900).SelectMany(n => order.Batch(n)).ToList();
        Assert.Equal(9000, drawn.Count);
        Assert.InRange(drawn.Count(i => i == 7), 4350, 4650);
        var others = drawn.Where(i => i != 7).GroupBy(i => i).ToDictionary(g => g.Key, g => g.Count());
        Assert.Equal(90, others.Count);
        Assert.All(others.Values, n => Assert.InRange(n, 20, 85));
    }

    [Fact]
    public void A_batch_follows_from_the_key_and_its_number_alone()
    {
        var (one, two) = (Order(), Order());
        var later = two.Batch(33);
        var first = one.Batch(0);
        Assert.Equal(first, two.Batch(0));
        Assert.Equal(later, one.Batch(33));
        Assert.NotEqual(first, later);
        Assert.NotEqual(first, one.Batch(10));
        Assert.NotEqual(first, Order(2).Batch(0));
    }

    // 7 of the 120 samples validate.
    private static string Recipe(string sampling, bool labelled = true, string prepare = "") =>
        $$"""
            { "name": "sampling", "dataset": { "id": "ordered", "options": { "labelled": {{(
                labelled ? "true" : "false"
            )}} } },
              "validation": { "count": 7 }, "models": { "student": { "id": "plain" } }, {{prepare}}
              "losses": [ { "id": "cross-entropy" } ], "strategy": { "id": "supervised" },
              "training": { "epochs": 2, "batchSize": 16, "sampling": "{{sampling}}" } }
            """;

    [Fact]
    public void A_run_draws_so_and_in_pieces_the_same()
    {
        var shuffled = _runs.Whole(Recipe("shuffled"), "shuffled");
        var whole = _runs.Whole(Recipe("balanced"), "whole");
        Assert.Equal((long)shuffled["steps"]!, (long)whole["steps"]!);
        var (_, sittings) = _runs.Pieces(Recipe("balanced"), "pieces", 3);
        Assert.True(sittings > 3);
        const string last = "student-last.safetensors";
        Assert.NotEqual(_runs.Sha256("shuffled", last), _runs.Sha256("whole", last));
        Assert.Equal(_runs.Sha256("whole", last), _runs.Sha256("pieces", last));
    }

    [Fact]
    public void Phases_draw_as_they_say()
    {
        const string prepare =
            "\"prepare\": [ { \"name\": \"first\", \"role\": \"student\", \"training\": { \"sampling\": \"shuffled\" } } ],";
        _runs.Whole(Recipe("balanced", prepare: prepare), "mixed");
        _runs.Whole(Recipe("balanced", prepare: prepare.Replace("shuffled", "balanced")), "same");
        Assert.NotEqual(
            _runs.Sha256("mixed", "student-last.safetensors"),
            _runs.Sha256("same", "student-last.safetensors")
        );
    }

    [Fact]
    public void Data_that_do_not_say_their_classes_are_refused()
    {
        var error = Assert.ThrowsAny<KdException>(() => _runs.Whole(Recipe("balanced", labelled: false), "run"));
        Assert.Equal(CoreErrors.WrongCombination, error.Code);
        Assert.Contains("training.sampling", error.Message);
    }

    [Theory]
    [InlineData("\"balancedClasses\": true", true, "")]
    [InlineData("\"balancedClasses\": true", false, "KDP0306")]
    [InlineData("\"classWeights\": [1, 2, 3]", true, "KDP0303")]
    [InlineData("\"classWeights\": [1, 1, 1, 1, 1, 1], \"balancedClasses\": true", true, "KDP0206")]
    [InlineData("\"classWeights\": [-1, 1, 1, 1, 1, 1]", true, "KDP0206")]
    public void Weights_of_classes_have_to_be_those_of_the_data(string options, bool labelled, string code)
    {
        var recipe = Recipe("shuffled", labelled)
            .Replace("\"cross-entropy\"", $"\"cross-entropy\", \"options\": {{ {options} }}");
        if (code == "")
            _runs.Whole(recipe, "run");
        else
            Assert.Contains(code, Assert.ThrowsAny<KdException>(() => _runs.Whole(recipe, "run")).Message);
    }

    [Fact]
    public void Classes_are_counted_as_they_train()
    {
        var counts = Strata.counts(new Uneven(), 4);
        Assert.Equal([2, 0, 3, 0], counts);
        Assert.Equal([1, 0, 1, 0], Strata.counts(new SubsetSource(new Uneven(), [0, 4]), 4));
    }

    private sealed class Uneven : ILabelledSource
    {
        public long Count => 5;

        public long ClassOf(long index) => index < 2 ? 0 : 2;

        public Batch Read(ReadOnlyMemory<long> indices) => throw new InvalidOperationException("Nothing is read.");
    }
}
