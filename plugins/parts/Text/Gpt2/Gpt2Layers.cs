using KdPlugins.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

// The names of the fields are those of the published checkpoints.
#pragma warning disable IDE1006, SA1300, CA1707

namespace KdPlugins.Text;

/// <summary>A linear layer whose weight lies the other way round, <c>[inputs, outputs]</c>.</summary>
internal sealed class Conv1D : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly Parameter bias;

    /// <param name="inputs">Length of what goes in.</param>
    /// <param name="outputs">Length of what comes out.</param>
    /// <param name="deviation">Of the first weights.</param>
    internal Conv1D(long inputs, long outputs, double deviation)
        : base(nameof(Conv1D))
    {
        weight = new(nn.init.normal_(empty(inputs, outputs), 0, deviation));
        bias = new(zeros(outputs));
        RegisterComponents();
    }

    public override Tensor forward(Tensor input) => LayerTrace.Linear(this, input, weight.t(), bias);
}

/// <summary>Attention to what stands before, itself included.</summary>
internal sealed class Gpt2Attention : nn.Module
{
    private readonly Conv1D c_attn;
    private readonly Conv1D c_proj;
    private readonly long _heads;
    private readonly double _dropout;

    internal Gpt2Attention(Gpt2Options options)
        : base("attn")
    {
        (_heads, _dropout) = (options.Heads, options.Dropout);
        c_attn = new(options.Width, 3L * options.Width, Gpt2Block.Deviation);
        c_proj = new(options.Width, options.Width, Gpt2Block.Deviation / Math.Sqrt(2.0 * options.Layers));
        RegisterComponents();
    }

    /// <param name="x"><c>[B, L, D]</c>.</param>
    /// <param name="sees">bool <c>[B, 1, L, keys]</c>: what may be looked at; null for all that stands before.</param>
    /// <param name="past">Takes keys and values <c>[B, heads, L, D / heads]</c> of the new places, gives those of all; null for none.</param>
    internal Tensor Run(Tensor x, Tensor? sees, Func<Tensor, Tensor, (Tensor Keys, Tensor Values)>? past)
    {
        var (count, length, width) = (x.shape[0], x.shape[1], x.shape[2]);
        var parts = c_attn.call(x).view(count, length, 3, _heads, width / _heads).permute(2, 0, 3, 1, 4);
        var (query, keys, values) = (parts[0], parts[1], parts[2]);
        if (past is not null)
            (keys, values) = past(keys, values);
        var seen = nn.functional.scaled_dot_product_attention(
            query,
            keys,
            values,
            attn_mask: sees,
            p: training ? _dropout : 0,
            is_casual: sees is null
        );
        return c_proj.call(seen.transpose(1, 2).reshape(count, length, width));
    }
}

/// <summary>The perceptron of a block.</summary>
internal sealed class Gpt2Mlp : nn.Module<Tensor, Tensor>
{
    private readonly Conv1D c_fc;
    private readonly Conv1D c_proj;

    internal Gpt2Mlp(Gpt2Options options)
        : base("mlp")
    {
        c_fc = new(options.Width, 4L * options.Width, Gpt2Block.Deviation);
        c_proj = new(4L * options.Width, options.Width, Gpt2Block.Deviation / Math.Sqrt(2.0 * options.Layers));
        RegisterComponents();
    }

    // The form with the hyperbolic tangent, as GPT-2 has it: 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
    public override Tensor forward(Tensor input)
    {
        var x = c_fc.call(input);
        var inner = (x + 0.044715 * x * x * x) * Math.Sqrt(2 / Math.PI);
        return c_proj.call(0.5 * x * (1 + inner.tanh()));
    }
}

/// <summary>Attention and perceptron, each behind a norm and beside a way past.</summary>
internal sealed class Gpt2Block : nn.Module
{
    /// <summary>Of the first weights.</summary>
    internal const double Deviation = 0.02;

    private readonly LayerNorm ln_1;
    private readonly Gpt2Attention attn;
    private readonly LayerNorm ln_2;
    private readonly Gpt2Mlp mlp;
    private readonly double _dropout;

    internal Gpt2Block(Gpt2Options options)
        : base("block")
    {
        _dropout = options.Dropout;
        (ln_1, ln_2) = (Norm(options.Width), Norm(options.Width));
        attn = new(options);
        mlp = new(options);
        RegisterComponents();
    }

    // TorchSharp leaves scale and shift of some norms as the memory was.
    internal static LayerNorm Norm(long width)
    {
        var norm = nn.LayerNorm(width);
        nn.init.ones_(norm.weight!);
        nn.init.zeros_(norm.bias!);
        return norm;
    }

    internal Tensor Run(Tensor x, Tensor? sees, Func<Tensor, Tensor, (Tensor, Tensor)>? past)
    {
        x = x + Dropped(attn.Run(ln_1.call(x), sees, past));
        return x + Dropped(mlp.call(ln_2.call(x)));
    }

    private Tensor Dropped(Tensor x) => _dropout > 0 ? nn.functional.dropout(x, _dropout, training) : x;
}

/// <summary>The network without its head.</summary>
internal sealed class Gpt2Body : nn.Module
{
    private readonly Embedding wte;
    private readonly Embedding wpe;
    private readonly ModuleList<Gpt2Block> h;
    private readonly LayerNorm ln_f;
    private readonly double _dropout;

    internal Gpt2Body(Gpt2Options options, long vocabulary)
        : base("transformer")
    {
        _dropout = options.Dropout;
        wte = nn.Embedding(vocabulary, options.Width);
        wpe = nn.Embedding(options.Positions, options.Width);
        nn.init.normal_(wte.weight!, 0, Gpt2Block.Deviation);
        nn.init.normal_(wpe.weight!, 0, Gpt2Block.Deviation);
        h = new([.. Enumerable.Range(0, options.Layers).Select(_ => new Gpt2Block(options))]);
        ln_f = Gpt2Block.Norm(options.Width);
        RegisterComponents();
    }

    /// <summary>The matrix of the embeddings, which is the head's too.</summary>
    internal Tensor Tokens => wte.weight!;

    /// <param name="ids">int64 <c>[B, L]</c>.</param>
    /// <param name="places">int64 <c>[L]</c> or <c>[B, L]</c>: where each stands in its text.</param>
    /// <param name="sees">See <see cref="Gpt2Attention.Run"/>.</param>
    /// <param name="past">The same by block; null for none.</param>
    /// <param name="tap">Told of what each block gives.</param>
    internal Tensor Run(
        Tensor ids,
        Tensor places,
        Tensor? sees,
        Func<int, Tensor, Tensor, (Tensor, Tensor)>? past,
        Action<int, Tensor>? tap
    )
    {
        var x = wte.call(ids) + wpe.call(places);
        if (_dropout > 0)
            x = nn.functional.dropout(x, _dropout, training);
        for (var i = 0; i < h.Count; i++)
        {
            var block = i;
            x = h[i].Run(x, sees, past is null ? null : (keys, values) => past(block, keys, values));
            tap?.Invoke(i, x);
        }
        return ln_f.call(x);
    }
}

/// <summary>All of it; the head has the weights of the embeddings.</summary>
internal sealed class Gpt2Module : nn.Module
{
    internal readonly Gpt2Body transformer;

    internal Gpt2Module(Gpt2Options options, long vocabulary)
        : base("gpt2")
    {
        transformer = new(options, vocabulary);
        RegisterComponents();
    }

    internal Tensor Head(Tensor x) => LayerTrace.Linear(this, x, transformer.Tokens, null);
}
