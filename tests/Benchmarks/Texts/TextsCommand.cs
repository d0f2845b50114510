using System.Diagnostics;
using System.Globalization;
using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Text;
using KdPlugins.Torch;
using static TorchSharp.torch;

namespace KdPlugins.Benchmarks.Texts;

/// <summary>How many tokens a second a language model writes with its cache, and by a pass over the whole text for each token.</summary>
internal static class TextsCommand
{
    private const int Words = 66;

    internal static int Run(string[] args)
    {
        int Value(string name, int fallback) =>
            Array.IndexOf(args, $"--{name}") is >= 0 and var at
                ? int.Parse(args[at + 1], CultureInfo.InvariantCulture)
                : fallback;
        var (layers, width, rows, length) = (
            Value("layers", 2),
            Value("width", 192),
            Value("rows", 8),
            Value("tokens", 256)
        );
        TorchOps.set_num_threads(Value("threads", 1));
        using var random = RandomScope.Use(1);
        string[] vocabulary = [.. Enumerable.Range(0, Words).Select(i => $"{i}")];
        var data = new DataInfo(InputKind.Tokens, [-1], TargetKind.Tokens, Words, [], [], [], vocabulary);
        var options = new Gpt2Options
        {
            Layers = layers,
            Heads = 4,
            Width = width,
            Positions = length + 1,
        };
        var net = (ICausalLanguageModel)Stubs.Plugin<Gpt2Plugin>(options).Create(new([-1], Words, data));
        net.Module.eval();
        using var _ = no_grad();
        for (var round = 0; round < Value("rounds", 3); round++)
        {
            var cached = Rate(rows, length, () => Cached(net, rows, length));
            var naive = Rate(rows, length, () => Naive(net, rows, length));
            Console.WriteLine(
                FormattableString.Invariant(
                    $"{rows} texts of {length} tokens, {layers} layers of {width}: {cached:F0} tokens/s with the cache, {naive:F0} without, {cached / naive:F1} times"
                )
            );
        }
        return 0;
    }

    private static double Rate(int rows, int length, Action write)
    {
        var clock = Stopwatch.StartNew();
        write();
        return rows * length / clock.Elapsed.TotalSeconds;
    }

    private static void Cached(ICausalLanguageModel net, int rows, int length)
    {
        using var scope = NewDisposeScope();
        using var cache = net.NewCache(rows);
        var last = zeros([rows, 1], ScalarType.Int64);
        for (var i = 0; i < length; i++)
            last = net.Append(last, null!, cache).argmax(-1);
    }

    private static void Naive(ICausalLanguageModel net, int rows, int length)
    {
        using var scope = NewDisposeScope();
        var text = zeros([rows, 1], ScalarType.Int64);
        for (var i = 0; i < length; i++)
        {
            using var step = NewDisposeScope();
            var next = net.Forward(text, null!, []).Logits[.., -1].argmax(-1, keepdim: true);
            text = cat([text, next], 1).MoveToOuterDisposeScope();
        }
    }
}
