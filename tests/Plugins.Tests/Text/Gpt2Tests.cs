using KdPlugins.Core;
using KdPlugins.Testing;
using KdPlugins.Text;
using KdPlugins.Torch;
using KdPlugins.Torch.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace KdPlugins.Plugins.Tests.Text;

/// <summary>The causal language model: names, its cache, texts of different lengths.</summary>
[Collection(EngineTests.Name)]
public sealed class Gpt2Tests : IDisposable
{
    private const int Words = 11;
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly ICausalLanguageModel _net = Network(
        new()
        {
            Layers = 2,
            Heads = 2,
            Width = 8,
            Positions = 40,
        }
    );

    public void Dispose() => _scope.Dispose();

    private static DataInfo Data(int words = Words) =>
        new(
            InputKind.Tokens,
            [-1],
            TargetKind.Tokens,
            words,
            [],
            [],
            [],
            [.. Enumerable.Range(0, words).Select(i => $"{i}")]
        );

    private static ICausalLanguageModel Network(Gpt2Options options, ulong seed = 5)
    {
        using var random = RandomScope.Use(seed);
        var net = (ICausalLanguageModel)Make.Plugin<Gpt2Plugin>(options).Create(new([-1], Words, Data()));
        // The first weights hardly tell places apart.
        using var _ = no_grad();
        foreach (var p in net.Module.parameters())
            p.add_(randn(p.shape) * 0.3);
        net.Module.eval();
        return net;
    }

    private static Tensor Ids(int rows, int length)
    {
        using var random = new RandomKey(3).NewGenerator(CPU);
        return randint(0, Words, [rows, length], ScalarType.Int64, generator: random);
    }

    private Tensor Logits(Tensor ids, Tensor? mask = null)
    {
        using var _ = no_grad();
        return _net.Forward(ids, mask!, []).Logits;
    }

    private static void AssertNear(Tensor expected, Tensor actual, double most = 1e-5) =>
        Assert.InRange((expected - actual).abs().max().item<float>(), 0, most);

    [Fact]
    public void It_conforms_as_a_network_of_tokens()
    {
        var settings = new ModelSettings
        {
            Data = Data(),
            InputShape = [-1],
            Options = new Gpt2Options
            {
                Layers = 1,
                Heads = 2,
                Width = 8,
                Positions = 8,
            },
        };
        Conformance.Model<Gpt2Plugin>(settings).Verify();
    }

    [Fact]
    public void Its_names_and_shapes_are_those_of_the_published_checkpoints()
    {
        var names = _net.Module.state_dict().ToDictionary(e => e.Key, e => TensorText.Shape(e.Value.shape));
        string[] block =
        [
            "ln_1.weight",
            "ln_1.bias",
            "attn.c_attn.weight",
            "attn.c_attn.bias",
            "attn.c_proj.weight",
            "attn.c_proj.bias",
            "ln_2.weight",
            "ln_2.bias",
            "mlp.c_fc.weight",
            "mlp.c_fc.bias",
            "mlp.c_proj.weight",
            "mlp.c_proj.bias",
        ];
        string[] all =
        [
            "transformer.wte.weight",
            "transformer.wpe.weight",
            "transformer.ln_f.weight",
            "transformer.ln_f.bias",
            .. block.Select(n => $"transformer.h.0.{n}"),
            .. block.Select(n => $"transformer.h.1.{n}"),
        ];
        Assert.Equal(all.Order(StringComparer.Ordinal), names.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("[8, 24]", names["transformer.h.0.attn.c_attn.weight"]);
        Assert.Equal("[8, 32]", names["transformer.h.1.mlp.c_fc.weight"]);
        Assert.Equal("[11, 8]", names["transformer.wte.weight"]);
    }

    // As the files of the first checkpoints are: names without the trunk's, masks and a copy of the head beside them.
    [Fact]
    public void Weights_of_published_files_load()
    {
        using var folder = new TempFolder();
        var tensors = _net.Module.state_dict().ToDictionary(e => e.Key["transformer.".Length..], e => e.Value);
        for (var i = 0; i < 2; i++)
            tensors[$"h.{i}.attn.bias"] = ones(1, 1, 40, 40).tril();
        tensors["lm_head.weight"] = tensors["wte.weight"].clone();
        WeightTensors.Save(tensors, folder["model.safetensors"], new Dictionary<string, string>());
        var other = Network(
            new()
            {
                Layers = 2,
                Heads = 2,
                Width = 8,
                Positions = 40,
            },
            seed: 6
        );
        var ids = Ids(2, 9);
        using var _ = no_grad();
        Assert.False(Logits(ids).allclose(other.Forward(ids, null!, []).Logits));
        var names = new[] { "wte", "wpe", "h", "ln_f" }.ToDictionary(n => n, n => $"transformer.{n}");
        var options = new LoadOptions { Names = NameMap.Identity.RenameParts(names), Strict = false };
        ModuleWeights.Load(other.Module, folder["model.safetensors"], options);
        Assert.Equal(Logits(ids), other.Forward(ids, null!, []).Logits);
    }

    [Fact]
    public void A_token_sees_nothing_that_comes_after_it()
    {
        var ids = Ids(1, 9);
        var other = ids.clone();
        other[0, 6] = (ids[0, 6].item<long>() + 1) % Words;
        AssertNear(Logits(ids)[.., ..6], Logits(other)[.., ..6], 0);
        Assert.True((Logits(ids)[.., 6] - Logits(other)[.., 6]).abs().max().item<float>() > 1e-2);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(17)]
    public void The_cache_gives_what_a_pass_over_everything_gives(int piece)
    {
        var ids = Ids(3, 35);
        var whole = Logits(ids);
        using var _ = no_grad();
        using var cache = _net.NewCache(3);
        for (var at = 0; at < 35; at += piece)
        {
            var end = Math.Min(35, at + piece);
            AssertNear(whole[.., at..end], _net.Append(ids[.., at..end], null!, cache));
        }
    }

    [Fact]
    public void Texts_of_different_lengths_are_what_each_is_alone()
    {
        var ids = Ids(3, 12);
        long[] lengths = [12, 5, 8];
        var mask = arange(12).unsqueeze(0) < tensor(lengths).unsqueeze(1);
        var together = Logits(ids, mask);
        // On the left the same texts stand filled up too.
        var left = stack([.. lengths.Select((n, i) => cat([zeros([12 - n], ScalarType.Int64), ids[i, ..(int)n]]))]);
        var shifted = Logits(left, mask.flip(1));
        for (var i = 0; i < 3; i++)
        {
            var alone = Logits(ids[i..(i + 1), ..(int)lengths[i]])[0];
            AssertNear(alone, together[i, ..(int)lengths[i]]);
            AssertNear(alone, shifted[i, (int)(12 - lengths[i])..]);
        }
        Assert.False(together.isnan().any().item<bool>());
    }

    [Fact]
    public void Cut_texts_go_on_each_from_its_own_place()
    {
        using var _ = no_grad();
        var ids = Ids(2, 20);
        using var cache = _net.NewCache(2);
        // The second is filled up: four of its tokens count.
        var mask = ones([2, 7], ScalarType.Bool);
        mask[1, 4..] = false;
        _net.Append(ids[.., ..7], mask, cache);
        _net.Truncate(cache, tensor(new long[] { 3, 9 }));
        var next = Ids(2, 5) + 1 - 1;
        var found = _net.Append(next, null!, cache);
        var first = cat([ids[0, ..3], next[0]]).unsqueeze(0);
        var second = cat([ids[1, ..4], next[1]]).unsqueeze(0);
        AssertNear(Logits(first)[0, 3..], found[0]);
        AssertNear(Logits(second)[0, 4..], found[1]);
    }

    [Fact]
    public void Longer_texts_than_it_has_positions_are_refused()
    {
        var failure = Assert.Throws<KdException>(() => Logits(Ids(1, 41)));
        Assert.Same(CoreErrors.ShapesDiffer, failure.Code);
        Assert.Contains("at most 40 tokens, got one of 41", failure.Message);
        using var cache = _net.NewCache(1);
        _net.Append(Ids(1, 40), null!, cache);
        Assert.Throws<KdException>(() => _net.Append(Ids(1, 1), null!, cache));
    }

    [Fact]
    public void Pictures_and_too_small_a_vocabulary_are_refused()
    {
        var plugin = Make.Plugin<Gpt2Plugin>(
            new Gpt2Options
            {
                Width = 8,
                Heads = 2,
                Vocabulary = 5,
            }
        );
        var small = Assert.Throws<KdException>(() => plugin.Create(new([-1], Words, Data())));
        Assert.Same(CoreErrors.WrongCombination, small.Code);
        var images = Stubs.Data([3, 8, 8], 4);
        Assert.Same(
            CoreErrors.TargetKind,
            Assert.Throws<KdException>(() => plugin.Create(new([3, 8, 8], 4, images))).Code
        );
        Assert.False(Make.Passes(new Gpt2Options { Width = 10, Heads = 4 }));
    }

    [Fact]
    public void A_cache_keeps_no_tensor_when_it_is_gone()
    {
        using var _ = no_grad();
        var ids = Ids(2, 3);
        void Use()
        {
            using var scope = NewDisposeScope();
            using var cache = _net.NewCache(2);
            for (var i = 0; i < 12; i++)
                _net.Append(ids, null!, cache);
        }
        Use();
        var before = LiveTensors.Count;
        Use();
        Assert.Equal(before, LiveTensors.Count);
    }
}
