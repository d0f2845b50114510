using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Text;
using KdPlugins.Torch;
using TorchSharp;
using static KdPlugins.Plugins.Tests.Meters.MeterUnderTest;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Text;

/// <summary>What is right of answers.</summary>
public sealed class TextMeterTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static MeterReading Text(long classes, params Answers[] batches) =>
        Read(new TextMeter(), new NoOptions(), classes, batches);

    [Fact]
    public void An_answer_is_right_where_each_of_its_tokens_is()
    {
        // Three texts: right as a whole, wrong in one token, and one without an answer. The first place belongs to a prompt.
        var ids = tensor(new long[] { 0, 1, 2, 0, 1, 2, 0, 0, 0 }, [3, 3]);
        var said = tensor(new long[] { 2, 1, 2, 0, 1, 1, 1, 1, 1 }, [3, 3]);
        var counts = tensor(new[] { false, true, true, false, true, true, false, false, false }, [3, 3]);
        var whole = new Answers(
            nn.functional.one_hot(said, 3).to(ScalarType.Float32) * 2,
            new TokenTarget(ids, counts)
        );
        foreach (var found in (MeterReading[])[Text(3, whole), Text(3, whole.Rows(2), whole.Rows(0), whole.Rows(1))])
        {
            Assert.Equal(0.5, found.Values["exact-match"]);
            Assert.Equal(0.75, found.Values["token-accuracy"]);
        }
    }

    [Fact]
    public void A_token_that_is_none_of_the_vocabulary_and_other_shapes_are_refused()
    {
        TokenTarget Target(long id) => new(tensor(new[] { 0, id }, [1, 2]), ones([1, 2], ScalarType.Bool));
        var failure = Assert.Throws<KdException>(() => Text(2, new Answers(rand(1, 2, 2), Target(2))));
        Assert.Same(CoreErrors.NoClass, failure.Code);
        Assert.Throws<KdException>(() => Text(2, new Answers(rand(1, 3, 2), Target(1))));
    }
}
