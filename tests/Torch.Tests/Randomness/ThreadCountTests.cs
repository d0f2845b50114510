using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace KdPlugins.Torch.Tests.Randomness;

/// <summary>Whether what libtorch draws on the CPU depends on how many threads it may use.</summary>
public class ThreadCountTests
{
    private const int Many = 300_000;

    public static TheoryData<string> Operations => [.. Draws.Keys];

    private static readonly Dictionary<string, Func<Tensor>> Draws = new()
    {
        ["rand"] = () => rand(Many),
        ["randn"] = () => randn(Many),
        ["randn float64"] = () => randn(Many, dtype: float64),
        ["randn bf16"] = () => randn(Many, dtype: bfloat16),
        ["randint"] = () => randint(0, 1000, [Many]),
        ["randperm"] = () => randperm(Many),
        ["normal_"] = () => empty(Many).normal_(1, 2),
        ["uniform_"] = () => empty(Many).uniform_(-1, 1),
        ["bernoulli_"] = () => empty(Many).bernoulli_(0.3),
        ["bernoulli of probabilities"] = () => full(Many, 0.3f).bernoulli(),
        ["dropout"] = () => nn.functional.dropout(ones(Many), 0.4),
        ["dropout2d"] = () => nn.functional.dropout2d(ones(64, 64, 8, 8), 0.4),
        ["exponential_"] = () => empty(Many).exponential_(),
        ["log_normal_"] = () => empty(Many).log_normal_(),
        ["cauchy_"] = () => empty(Many).cauchy_(),
        ["geometric_"] = () => empty(Many).geometric_(0.3),
        ["poisson"] = () => full(Many, 3f).poisson(),
        ["multinomial"] = () => ones(1000).multinomial(Many, replacement: true),
        ["multinomial without replacement"] = () => ones(20_000).multinomial(10_000),
        ["rrelu"] = () => nn.functional.rrelu(full(Many, -1f), 0.1, 0.3),
        ["kaiming_uniform_"] = () => nn.init.kaiming_uniform_(empty(500, 600)),
    };

    [Theory]
    [MemberData(nameof(Operations))]
    public void The_numbers_are_the_same_with_one_thread_and_with_four(string operation)
    {
        var before = get_num_threads();
        try
        {
            Assert.Equal(DrawWith(1, operation), DrawWith(4, operation));
        }
        finally
        {
            set_num_threads(before);
        }
    }

    private static double[] DrawWith(int threads, string operation)
    {
        set_num_threads(threads);
        using var scope = NewDisposeScope();
        using var random = RandomScope.Use(17);
        return Draws[operation]().flatten().to(float64).data<double>().ToArray();
    }
}
