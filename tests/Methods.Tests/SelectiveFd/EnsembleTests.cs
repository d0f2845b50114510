using System.Reflection;
using KdPlugins.Core;
using KdPlugins.Sdk;
using KdPlugins.Torch;
using Microsoft.FSharp.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.SelectiveFd.Tests;

/// <summary>What clients say together, what is learnt of it, and what the server makes of messages.</summary>
public sealed class EnsembleTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    // Three clients, one proxy, two classes.
    private static Tensor Answers() => tensor(new[] { .9, .1, .2, .8, .6, .4 }).view(3, 1, 2);

    private static double[] Values(Tensor t) =>
        t.to(ScalarType.Float64).flatten().contiguous().data<double>().ToArray();

    private static void Same(double[] expected, Tensor found, double close = 1e-9) =>
        Assert.All(expected.Zip(Values(found)), p => Assert.InRange(p.Second, p.First - close, p.First + close));

    [Theory]
    [InlineData(new[] { 1.0, 0, 1 }, new[] { .75, .25 }, 0.5623351446)]
    [InlineData(new[] { 1.0, 1, 1 }, new[] { 1.7 / 3, 1.3 / 3 }, 0.6842317651)]
    [InlineData(new[] { 0.0, 1, 0 }, new[] { .2, .8 }, 0.5004024235)]
    public void Golden_5_the_mean_of_those_that_accept(double[] masks, double[] ensemble, double entropy)
    {
        var found = Ensemble.Of(Answers(), tensor(masks).view(3, 1));
        Same(ensemble, found);
        Same([entropy], Ensemble.Entropy(found));
    }

    [Fact]
    public void Where_nobody_accepts_there_is_nothing()
    {
        Same([0, 0], Ensemble.Of(Answers(), zeros(3, 1, dtype: ScalarType.Float64)));
        Same([0], Ensemble.Entropy(tensor(new[] { 0.0, 1 }).view(1, 2)));
    }

    [Fact]
    public void Golden_6_soft_cross_entropy_and_its_gradient()
    {
        var logits = tensor(new[] { 1.0, -1, 0, .5 }).view(2, 2).requires_grad_(true);
        var targets = tensor(new[] { .75, .25, 1.7 / 3, 1.3 / 3 }).view(2, 2).requires_grad_(true);
        var loss = Ensemble.SoftCrossEntropy(logits, targets);
        Same([0.6921691643], loss);
        loss.backward();
        Same([0.0653985390, -0.0653985390, -0.0945629989, 0.0945629989], logits.grad!);
        // What clients are told is a constant.
        Assert.True(targets.grad is null);
        var values = Values(logits.detach());
        for (var i = 0; i < values.Length; i++)
        {
            double At(double step)
            {
                double[] moved = [.. values];
                moved[i] += step;
                return Ensemble.SoftCrossEntropy(tensor(moved).view(2, 2), targets.detach()).item<double>();
            }
            Assert.Equal(Values(logits.grad!)[i], (At(1e-5) - At(-1e-5)) / 2e-5, 8);
        }
    }

    private static Server NewServer(Sharing sharing, double maxEntropy = 1, double temperature = 1) =>
        new(
            Asker.Of(typeof(SelectiveFdStrategy)),
            3,
            Settings.Of(new SelectiveFdOptions { Sharing = sharing, MaxEntropy = maxEntropy }),
            temperature
        );

    private static Message Says(long[] samples, params float[] values) =>
        Message.NewPredictions(samples, tensor(values).view(samples.Length, -1));

    private static (long[] Samples, Tensor Values) Merge(Server server, long[] drawn, params Message[] answers)
    {
        var ensemble = Assert.IsType<Message.Ensemble>(server.Merge(drawn, answers).Ensemble);
        return (ensemble.samples, ensemble.values);
    }

    [Fact]
    public void The_server_averages_what_counts_and_drops_what_nobody_answers()
    {
        // Of the proxies 9, 4 and 7 the last one is nobody's, and 9 that of one client.
        var (samples, values) = Merge(
            NewServer(Sharing.Probabilities),
            [9, 4, 7],
            Says([4], .5f, .5f, 0),
            Says([4, 9], .1f, .3f, .6f, .7f, .2f, .1f)
        );
        Assert.Equal([9, 4], samples);
        Same([.7, .2, .1, .3, .4, .3], values, 1e-6);
    }

    [Fact]
    public void The_server_drops_what_is_vague()
    {
        // Entropies 0.802 and 1.089 nats; log 3 is 1.099.
        Message[] answers = [Says([1, 2], .7f, .2f, .1f, .3f, .4f, .3f)];
        Assert.Equal([1], Merge(NewServer(Sharing.Probabilities, .9), [1, 2], answers).Samples);
        Assert.Equal([1, 2], Merge(NewServer(Sharing.Probabilities, .995), [1, 2], answers).Samples);
        Assert.Empty(Merge(NewServer(Sharing.Probabilities, .7), [1, 2], answers).Samples);
    }

    [Fact]
    public void Logits_are_averaged_before_the_softmax()
    {
        var (_, values) = Merge(
            NewServer(Sharing.Logits, temperature: 2),
            [1],
            Says([1], 2, 0, 4),
            Says([1], 0, 4, -4)
        );
        var (a, b, c) = (Math.Exp(.5), Math.Exp(1), 1);
        Same([a / (a + b + c), b / (a + b + c), c / (a + b + c)], values, 1e-6);
    }

    [Fact]
    public void Labels_are_votes_and_the_largest_is_learnt()
    {
        static Message Votes(long[] samples, params byte[] labels) => Message.NewPredictions(samples, tensor(labels));
        // 2 of 3 say class 2 of the first proxy, of the second all say something else.
        Message[] answers = [Votes([1, 2], 2, 0), Votes([1, 2], 2, 1), Votes([1, 2], 0, 2)];
        var (samples, values) = Merge(NewServer(Sharing.Labels, .9), [1, 2], answers);
        Assert.Equal([1], samples);
        Assert.Equal(ScalarType.Byte, values.dtype);
        Assert.Equal([2], values.data<byte>().ToArray());
    }

    public static TheoryData<string> Unfit => ["shape", "proxy", "kind", "weights"];

    [Theory]
    [MemberData(nameof(Unfit))]
    public void What_is_no_prediction_for_what_was_asked_is_refused(string what)
    {
        var message = what switch
        {
            "shape" => Says([1], .5f, .5f),
            "proxy" => Says([8], .5f, .5f, 0),
            "kind" => Message.NewMask(ones(3, ScalarType.Bool)),
            _ => Message.NewPredictions([1], randn(4, 3, 5, 5)),
        };
        var error = Assert.Throws<KdException>(() => NewServer(Sharing.Probabilities).Merge([1, 2], [message]));
        Assert.StartsWith("KDP0303 Strategy 'selective-fd' sends from client 1 ", error.Message);
    }

    [Fact]
    public void The_server_holds_nothing_of_clients_and_messages_hold_numbers_alone()
    {
        static IEnumerable<Type> Fields(Type type) =>
            type.GetFields(BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public)
                .Select(f => f.FieldType);
        Assert.Superset(
            Fields(typeof(Server)).ToHashSet(),
            new HashSet<Type> { typeof(Asker), typeof(Settings), typeof(long), typeof(double) }
        );
        Assert.Equal(
            new HashSet<Type> { typeof(long[]), typeof(Tensor) },
            typeof(Message).GetNestedTypes().SelectMany(Fields).Where(t => t != typeof(int)).ToHashSet()
        );
    }

    [Fact]
    public void What_arrives_is_a_copy_without_graph()
    {
        IChannel channel = new LocalChannel();
        var values = ones(2, 3).requires_grad_(true) * 2;
        long[] samples = [3, 5];
        var sent = Message.NewPredictions(samples, values);
        var got = Assert.IsType<Message.Predictions>(channel.Send("a", "server", sent));
        Assert.False(got.values.requires_grad);
        using (no_grad())
            values.zero_();
        samples[0] = 0;
        Assert.Equal([3, 5], got.samples);
        Assert.Equal(12, got.values.sum().item<float>());
        Assert.Equal(2 * 8 + 6 * 4, sent.Bytes);
        Assert.Equal(40, Message.NewMask(ones(40, ScalarType.Bool)).Bytes);
        Assert.Equal(16, Message.NewDraw(samples).Bytes);
        Assert.Equal(16 + 2, Message.NewEnsemble(samples, zeros(2, ScalarType.Byte)).Bytes);
    }
}
