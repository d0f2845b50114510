using FsCheck;
using FsCheck.Xunit;
using KdPlugins.Core;
using KdPlugins.Meters;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using static KdPlugins.Plugins.Tests.Meters.MeterUnderTest;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Meters;

/// <summary>The meter of token sequences against its definition, written out in plain loops.</summary>
public sealed class TokensTests
{
    private static MeterReading Tokens(long classes, params Answers[] batches) =>
        Read(new TokensMeter(), new NoOptions(), classes, batches);

    [Property(MaxTest = 40)]
    public void It_agrees_with_plain_loops_however_it_is_cut(int seed)
    {
        var random = new Random(seed);
        var (words, samples, length) = (random.Next(1, 6), random.Next(1, 6), random.Next(1, 5));
        var ids = Enumerable.Range(0, samples * length).Select(_ => (long)random.Next(words)).ToArray();
        var counts = ids.Select(_ => random.Next(3) > 0).ToArray();
        counts[0] = true;
        var logits = rand([samples, length, words]);
        var whole = new Answers(
            logits,
            new TokenTarget(tensor(ids, [samples, length]), tensor(counts, [samples, length]))
        );
        var (sum, all) = (0.0, 0);
        for (var i = 0; i < ids.Length; i++)
            if (counts[i])
            {
                var row = Enumerable
                    .Range(0, words)
                    .Select(w => logits[i / length, i % length, w].item<float>())
                    .ToArray();
                sum -= Math.Log(Math.Exp(row[ids[i]]) / row.Sum(v => Math.Exp(v)));
                all++;
            }
        var found = Tokens(words, whole);
        Assert.Equal(sum / all, found.Values["loss"], 1e-5);
        Assert.Equal(Math.Exp(sum / all), found.Values["perplexity"], 1e-4);
        var pieces = Enumerable.Range(0, samples).Reverse().Select(i => whole.Rows(i)).ToArray();
        Assert.Equal(found.Values["loss"], Tokens(words, pieces).Values["loss"], 1e-12);
    }

    [Fact]
    public void What_is_masked_need_be_no_word_and_no_number()
    {
        var logits = tensor(new[] { 0, 0, float.NaN, 0 }, [1, 2, 2]);
        var target = new TokenTarget(tensor(new long[] { 1, -100 }, [1, 2]), tensor(new[] { true, false }, [1, 2]));
        Assert.Equal(2, Tokens(2, new Answers(logits, target)).Values["perplexity"], 1e-6);
    }

    [Fact]
    public void A_word_that_is_none_of_the_vocabulary_is_named()
    {
        var target = new TokenTarget(tensor(new long[] { 1, 2 }, [1, 2]), ones([1, 2], ScalarType.Bool));
        var failure = Assert.Throws<KdException>(() => Tokens(2, new Answers(rand([1, 2, 2]), target)));
        Assert.Same(CoreErrors.NoClass, failure.Code);
        Assert.Contains("the label 2;", failure.Message);
    }

    [Fact]
    public void A_loss_whose_exponential_is_no_number_gives_a_perplexity_that_is_one()
    {
        var logits = tensor(new[] { 0f, 2000 }, [1, 1, 2]);
        var target = new TokenTarget(tensor(new long[] { 0 }, [1, 1]), ones([1, 1], ScalarType.Bool));
        var found = Tokens(2, new Answers(logits, target));
        Assert.Equal(2000, found.Values["loss"]);
        Assert.True(double.IsFinite(found.Values["perplexity"]));
    }

    [Fact]
    public void The_loss_chooses_and_lower_is_better()
    {
        IMeter meter = new TokensMeter();
        Assert.Equal("loss", meter.Chooser);
        Assert.All(meter.Values, v => Assert.False(v.HigherIsBetter));
    }
}
